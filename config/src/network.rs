//! This file tells addresses that anybody can reach from those that are inside: this machine, its
//! networks, and what only stands for them.
//! It looks no name up and connects to nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::spec::{Choice, choice};
use std::fmt;

choice! {
    /// Where the host of a remote server may be.
    Reach {
        /// Wherever its name leads.
        Anywhere = "anywhere",
        /// Where anybody could reach it: not on this machine, nor in its networks.
        Public = "public",
    }
}

/// Whether an address is one of the public internet, rather than of this machine, a private
/// network, or a kind that is not for servers.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let inside = address.is_private()
        || address.is_loopback()
        || address.is_link_local() // cloud metadata among them
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64) // shared by carriers
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18); // benchmarks
    !inside
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let documentation = (segments[0] == 0x2001 && segments[1] == 0xdb8)
        || (segments[0] == 0x3fff && segments[1] & 0xf000 == 0);
    // Only 2000::/3 is given out; what begins 2001:0 to 2001:1ff has a special use.
    segments[0] & 0xe000 == 0x2000
        && !documentation
        && !(segments[0] == 0x2001 && segments[1] < 0x200)
}

/// The address of the older kind that one of the newer stands for: mapped, translated, 6to4.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff | 0) if address != Ipv6Addr::LOCALHOST => Some(join(high, low)),
        (0x64, 0xff9b, 0 | 1, ..) => Some(join(high, low)),
        (0x2002, ..) => Some(join(b, c)),
        _ => None,
    }
}

/// Why a URL must not be registered, as far as it can be told without looking its name up; none if
/// it may. `allowed` are hosts that may be inside.
pub(crate) fn fault(url: &str, allowed: &[String]) -> Option<String> {
    let host = host(url);
    if is_allowed(host, allowed) {
        return None;
    }
    let cure = "a registered URL leads to a public host, or to one of `api.privateHosts`";
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return (!is_public(address)).then(|| format!("{address} is an address inside; {cure}"));
    }
    if host.starts_with('[') || is_number(bare) {
        return Some("the host is an address in an unusual form; write it plainly".to_owned());
    }
    let name = bare.to_ascii_lowercase();
    let inside = ["localhost", "local", "internal", "localdomain", "home.arpa"];
    let is_inside = |suffix: &&str| {
        name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if inside.iter().any(is_inside) || !name.contains('.') {
        return Some(format!("{bare:?} is the name of a host inside; {cure}"));
    }
    None
}

/// Whether the settings allow the host of this URL wherever it is.
pub(crate) fn is_allowed(host: &str, allowed: &[String]) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    allowed.iter().any(|known| {
        let known = known.trim_start_matches('[').trim_end_matches(']');
        known == "*" || known.eq_ignore_ascii_case(bare)
    })
}

/// The host of a URL that has one, without name, password and port.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => host,
    }
}

/// Whether a host would be read as a number, and so as an address, by some that look names up:
/// `2130706433`, `0x7f.1`, `0177.0.0.1`.
fn is_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match digits {
        Some(digits) => digits.chars().all(|c| c.is_ascii_hexdigit()),
        None => !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s25_addresses_inside_are_not_public_however_they_are_dressed() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2001:0:1::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:7f00:1::1", false),
            ("2002:808:808::1", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[track_caller]
    fn check(url: &str, allowed: &[&str], expected: Option<&str>) {
        let allowed: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
        let found = fault(url, &allowed);
        assert_eq!(found.is_some(), expected.is_some(), "{url}: {found:?}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{url}");
    }

    #[test]
    fn s25_a_url_to_a_host_inside_is_refused_in_every_form() {
        check("https://tools.example/mcp", &[], None);
        check("https://8.8.8.8/mcp", &[], None);
        for inside in ["127.0.0.1", "[::1]", "0.0.0.0", "169.254.169.254", "[::ffff:10.0.0.1]"] {
            check(&format!("http://{inside}:80/mcp"), &[], Some("is an address inside"));
            check(&format!("http://me:pw@{inside}?x"), &[], Some("is an address inside"));
        }
        for odd in ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "1.2.3.4.5"] {
            check(&format!("http://{odd}/"), &[], Some("in an unusual form"));
        }
        for name in ["localhost", "LOCALHOST", "a.localhost", "db.internal", "nas", "x.local."] {
            check(&format!("http://{name}/"), &[], Some("is the name of a host inside"));
        }
        check("http://8.8.8.8@127.0.0.1/", &[], Some("inside"));
        check("http://127.0.0.1\\@8.8.8.8/", &[], Some("inside"));
    }

    #[test]
    fn s25_the_settings_may_allow_a_host_inside() {
        check("http://127.0.0.1:9/mcp", &["127.0.0.1"], None);
        check("http://[::1]/mcp", &["::1"], None);
        check("http://Localhost/mcp", &["localhost"], None);
        check("http://10.0.0.1/mcp", &["*"], None);
        check("http://10.0.0.1/mcp", &["10.0.0.2"], Some("api.privateHosts"));
    }
}
