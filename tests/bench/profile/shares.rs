//! This file sorts what a profile has found by whose work it is.
//! It leaves taking profiles, and telling shares, to `profile.rs`.

/// Whose work there is, and what the names of its functions hold. The first that fits counts; what is inlined
/// counts where it was inlined.
const GROUPS: [(&str, &[&str]); 9] = [
    ("reading the clock", &["clock_gettime", "Timespec", "time::Instant", "time::SystemTime"]),
    ("copying and comparing", &["memmove", "memcpy", "memcmp", "memset", "bcmp"]),
    (
        "allocator",
        &[
            "malloc",
            "memalign",
            "_int_free",
            "cfree",
            "realloc",
            "calloc",
            "unlink_chunk",
            "tcache",
            "__rdl_",
            "__rust_alloc",
            "__rust_dealloc",
            "raw_vec",
        ],
    ),
    (
        "reading JSON, UTF-8, searching",
        &[
            "wire::walk",
            "wire::message",
            "wire::members",
            "wire::scan",
            "wire::specials",
            "wire::text",
            "wire::head",
            "serde",
            "from_utf8",
            "memchr",
            "memmem",
            "aho_corasick",
        ],
    ),
    ("doors", &["mcp_conductor"]),
    ("hyper, http", &["hyper", "httparse", "http::", "axum", "tower", "httpdate"]),
    ("ractor", &["ractor::"]),
    ("router, pump, catalogue", &["conductor_", "bytes::", "hash", "btree", "::sip::"]),
    ("tokio, mio, futures", &["tokio", "mio::", "future", "PollFn", "Pin<P>", "poll", "arc_swap"]),
];
const KERNEL: &str = "kernel, with the way into it";
const ELSE: &str = "all else";
/// Functions of the C library that are a way into the kernel end so.
const INTO_KERNEL: [&str; 9] = [
    "read",
    "write",
    "writev",
    "recv",
    "recvfrom",
    "send",
    "epoll_wait",
    "syscall",
    "syscall_cancel_arch",
];

/// All there are, as tables have them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [KERNEL].into_iter().chain(GROUPS.iter().map(|(name, _)| *name)).chain([ELSE])
}

/// Shares in hundredths, in the order of [`names`], of what `perf report` prints with the fields `overhead`,
/// `dso` and `symbol`. They are none if it names no function.
pub(super) fn of(report: &str) -> Option<Vec<f64>> {
    let mut shares = vec![0.0; GROUPS.len() + 2];
    for line in report.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some((share, object)) = words.next().zip(words.next()) else { continue };
        let Some(Ok(share)) = share.strip_suffix('%').map(str::parse::<f64>) else { continue };
        let function = words.collect::<Vec<_>>().join(" ");
        shares[place(object, &function)] += share;
    }
    shares.iter().any(|share| *share > 0.0).then_some(shares)
}

/// Where in [`names`] a function is told.
fn place(object: &str, function: &str) -> usize {
    let holds = |part: &&str| function.contains(*part);
    let is_way =
        object.starts_with("libc") && INTO_KERNEL.iter().any(|name| function.ends_with(name));
    if function.starts_with("[k]") || object.starts_with("[kernel") || is_way {
        return 0;
    }
    if object == "[vdso]" {
        return 1;
    }
    let found = GROUPS.iter().position(|(_, parts)| parts.iter().any(holds));
    found.map_or(GROUPS.len() + 1, |group| group + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_is_somebodys_work() {
        for (object, function, expected) in [
            ("[kernel.kallsyms]", "[k] tcp_ack", KERNEL),
            ("[unknown]", "[k] 0xffffffff", KERNEL),
            ("libc.so.6", "[.] __libc_recv", KERNEL),
            ("libc.so.6", "[.] writev", KERNEL),
            ("[vdso]", "[.] 0x0000000000000c00", "reading the clock"),
            ("conductor", "[.] <std::time::Instant>::now", "reading the clock"),
            ("libc.so.6", "[.] __memmove_avx_unaligned_erms", "copying and comparing"),
            ("libc.so.6", "[.] _int_free", "allocator"),
            (
                "conductor",
                "[.] conductor_actors::wire::walk::members",
                "reading JSON, UTF-8, searching",
            ),
            ("conductor", "[.] mcp_conductor::door::http::post::Post::request", "doors"),
            (
                "conductor",
                "[.] <mcp_conductor::door::http::routes::Routes as hyper::Service>::call",
                "doors",
            ),
            (
                "conductor",
                "[.] <hyper::proto::h1::dispatch::Dispatcher<D,Bs>>::poll",
                "hyper, http",
            ),
            ("conductor", "[.] ractor::actor::ActorRuntime<T>::start", "ractor"),
            (
                "conductor",
                "[.] conductor_actors::router::actor::State::send",
                "router, pump, catalogue",
            ),
            ("conductor", "[.] tokio::runtime::task::raw::poll", "tokio, mio, futures"),
            ("libc.so.6", "[.] pthread_mutex_lock", ELSE),
        ] {
            assert_eq!(names().nth(place(object, function)), Some(expected), "{function}");
        }
    }

    #[test]
    fn the_shares_of_a_report_are_summed() {
        let report = "# Samples: 9\n\n    60.50%  [kernel.kallsyms]  [k] tcp_ack\n \
                      20.00%  conductor          [.] tokio::a\n  9.50%  conductor  [.] tokio::b\n";
        let shares = of(report).unwrap();
        assert_eq!(shares[0], 60.5);
        assert_eq!(shares[GROUPS.len()], 29.5);
        assert_eq!(of("# nothing\n"), None);
    }
}
