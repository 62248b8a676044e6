//! Rows S30 to S34 from outside: what servers inherit, and where secrets are not, be it logs, answers,
//! command lines or the disk.
//! They leave single formats, modes and words to the tests beside the code.

mod at_rest;
mod children;
mod files;
mod planted;
mod shut_off;
mod told;

/// A secret that belongs to one place and is found again wherever it comes out.
fn canary(place: &str) -> String {
    format!("cNry-{place}-7Fq0zX")
}

/// Where any of `canaries` stands in `text`, as it is or in another form.
fn found<'a>(text: &str, canaries: &'a [String]) -> Vec<&'a str> {
    let shows = |canary: &&String| forms(canary).iter().any(|form| text.contains(form));
    canaries.iter().filter(shows).map(String::as_str).collect()
}

/// A secret as it stands, in hexadecimal, and what base64 makes of it wherever it begins.
fn forms(canary: &str) -> Vec<String> {
    let hex = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let shifted = |before: usize| {
        let whole = base64(&[&[b' '; 3][..before], canary.as_bytes()].concat());
        // Its first and last group may be mixed with what stands around it.
        whole[4..whole.len() - 4].to_owned()
    };
    vec![canary.to_owned(), hex, shifted(0), shifted(1), shifted(2)]
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[(bits >> shift & 63) as usize]))
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[test]
fn a_canary_is_found_in_whatever_form_it_comes_out() {
    let all = [canary("a"), canary("b")];
    assert_eq!(found("nothing at all", &all), [""; 0]);
    assert_eq!(found(&format!("x{}y", all[1]), &all), [&all[1]]);
    for before in ["", "x", "xy", "xyz"] {
        let text = base64(format!("{before}{} and more", all[0]).as_bytes());
        assert_eq!(found(&text, &all), [&all[0]], "{before}");
    }
}
