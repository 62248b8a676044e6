//! This file says what may be used where: one table, and the exceptions with their reasons.
//! It leaves what a file must look like to `rules`.

use super::source::{Finding, Source, has_word};

/// Words that the shipped code of some place may not have.
pub(super) struct Ban {
    /// Beginnings of paths; a whole path names one file.
    pub(super) places: &'static [&'static str],
    /// Places among them where it is allowed.
    pub(super) except: &'static [&'static str],
    pub(super) words: &'static [&'static str],
    pub(super) cure: &'static str,
}

/// Files that decide and do nothing else.
pub(super) const PURE: &[&str] = &[
    "actors/src/audience/book.rs",
    "actors/src/audience/tasks.rs",
    "actors/src/delegation/quota.rs",
    "actors/src/merger/addresses.rs",
    "actors/src/merger/catalog.rs",
    "actors/src/merger/fronts.rs",
    "actors/src/merger/links.rs",
    "actors/src/merger/list.rs",
    "actors/src/merger/merge.rs",
    "actors/src/merger/names.rs",
    "actors/src/merger/part.rs",
    "actors/src/merger/pins.rs",
    "actors/src/merger/search.rs",
    "actors/src/merger/slice.rs",
    "actors/src/model/hearing.rs",
    "actors/src/process/engine.rs",
    "actors/src/process/guard_book.rs",
    "actors/src/process/quarry.rs",
    "actors/src/process/tally.rs",
    "actors/src/router/berths.rs",
    "actors/src/router/retry.rs",
    "actors/src/router/routes.rs",
    "actors/src/server/downstream/capabilities.rs",
    "actors/src/server/downstream/decoder.rs",
    "actors/src/server/downstream/late.rs",
    "actors/src/server/downstream/pace.rs",
    "actors/src/server/downstream/remote/mirror.rs",
    "actors/src/server/downstream/remote/retry_after.rs",
    "actors/src/server/downstream/remote/sse.rs",
    "actors/src/server/downstream/remote/target.rs",
    "actors/src/server/downstream/said.rs",
    "actors/src/server/keeping.rs",
    "actors/src/server/outbox.rs",
    "actors/src/server/probe.rs",
    "actors/src/supervisor/excess.rs",
    "actors/src/supervisor/leases.rs",
    "actors/src/supervisor/noise.rs",
    "actors/src/supervisor/reconcile.rs",
    "actors/src/supervisor/restart.rs",
    "actors/src/tasks/ids.rs",
    "actors/src/tasks/seal.rs",
    "actors/src/wire/abilities.rs",
    "actors/src/wire/head.rs",
    "actors/src/wire/id.rs",
    "actors/src/wire/level.rs",
    "actors/src/wire/marks.rs",
    "actors/src/wire/members.rs",
    "actors/src/wire/message.rs",
    "actors/src/wire/meta.rs",
    "actors/src/wire/mod.rs",
    "actors/src/wire/params.rs",
    "actors/src/wire/reply.rs",
    "actors/src/wire/scan.rs",
    "actors/src/wire/text.rs",
    "config/src/diff.rs",
    "config/src/hazard.rs",
    "config/src/nearest.rs",
    "config/src/network.rs",
    "config/src/patterns/grammar.rs",
    "config/src/patterns/within.rs",
    "src/doctor/advice.rs",
    "src/doctor/chaos/bounds.rs",
    "src/doctor/chaos/card.rs",
    "src/doctor/chaos/verdict.rs",
    "src/doctor/daemon.rs",
    "src/doctor/entry.rs",
    "src/doctor/findings.rs",
    "src/doctor/machine.rs",
    "src/door/batch.rs",
    "src/door/classify.rs",
    "src/door/era.rs",
    "src/door/fronts/choice.rs",
    "src/door/fronts/lookup.rs",
    "src/door/http/tape.rs",
    "src/door/mirrored.rs",
    "src/door/reply/codes.rs",
    "src/door/reply/failure.rs",
    "src/door/reply/problem.rs",
    "src/door/reply/words.rs",
    "src/reload/debounce.rs",
    "src/reload/plan.rs",
    "src/rest/page.rs",
];

pub(super) const BANS: [Ban; 19] = [
    Ban {
        places: PURE,
        except: &[],
        words: &[
            "ractor",
            "tracing",
            "tokio::spawn",
            "Instant::now",
            "SystemTime::now",
            "RandomState",
            "std::fs",
            "std::env",
        ],
        cure: "this file only decides: pass the time, the chance or the fact in as an argument",
    },
    Ban {
        places: &["config/"],
        except: &[],
        words: &["tokio", "ractor", "axum", "Instant::now", "SystemTime::now", "tracing"],
        cure: "settings are values: whoever uses them knows the time and the world",
    },
    Ban {
        places: &["actors/src/"],
        except: &["actors/src/server/downstream/remote/"],
        words: &["axum", "hyper", "http::", "http_body_util", "mcp_conductor", "clap"],
        cure: "the running system knows no doors: translate in src/door",
    },
    Ban {
        places: &[
            "actors/src/wire/",
            "actors/src/store/",
            "actors/src/credentials/",
            "actors/src/registrations/",
        ],
        except: &[],
        words: &[
            "crate::delegation",
            "crate::merger",
            "crate::model",
            "crate::router",
            "crate::server",
            "crate::supervisor",
            "ractor",
        ],
        cure: "this folder stands below the actors and knows none of them",
    },
    Ban {
        places: &["actors/src/model/"],
        except: &[],
        words: &[
            "crate::delegation",
            "crate::merger",
            "crate::router",
            "crate::server",
            "crate::store",
            "crate::supervisor",
            "ractor",
            "Instant::now",
        ],
        cure: "model holds plain values that several actors share, and knows no actor",
    },
    Ban {
        places: &["actors/src/server/"],
        except: &[],
        words: &[
            "crate::delegation",
            "crate::merger",
            "crate::router",
            "crate::store",
            "crate::supervisor",
        ],
        cure: "a server knows nobody above it: it reports through the address it was given",
    },
    Ban {
        places: &["actors/src/process/"],
        except: &[],
        words: &[
            "crate::delegation",
            "crate::merger",
            "crate::router",
            "crate::server",
            "crate::supervisor",
            "ractor",
        ],
        cure: "processes are kept without knowing whose they are",
    },
    Ban {
        places: &["actors/src/merger/"],
        except: &[],
        words: &["crate::delegation", "crate::supervisor", "RouterHandle"],
        cure: "the merger knows neither who asks nor how servers are kept",
    },
    Ban {
        places: &["actors/src/delegation/"],
        except: &[],
        words: &[
            "crate::merger",
            "crate::model",
            "crate::router",
            "crate::server",
            "crate::supervisor",
        ],
        cure: "delegation says who may call how often; servers and routes are not its business",
    },
    Ban {
        places: &["actors/src/router/"],
        except: &[],
        words: &["crate::merger", "crate::store", "crate::supervisor", "serde_json"],
        cure: "the router brings calls to servers; it knows neither names nor what a call carries",
    },
    Ban {
        places: &["actors/src/audience/"],
        except: &[],
        words: &["crate::router", "crate::server", "crate::store", "crate::supervisor", "ractor"],
        cure: "the audience knows who wants to hear what; asking servers is for their keepers",
    },
    Ban {
        places: &["actors/src/supervisor/"],
        except: &[],
        words: &["crate::delegation", "crate::store", "crate::wire"],
        cure: "the supervisor keeps servers running; tools and calls are not its business",
    },
    Ban {
        places: &["src/"],
        except: &["src/telemetry.rs"], // which keeps its stories out of the log
        words: &["ractor", "rusqlite"],
        cure: "doors and command line speak with the system through its handles",
    },
    Ban {
        places: &["actors/src/", "config/", "src/"],
        except: &["src/main.rs", "src/exit.rs"],
        words: &["process::exit", "process::abort"],
        cure: "return: how the program ends is told in src/main.rs and src/exit.rs alone",
    },
    Ban {
        places: &["actors/src/", "config/", "src/"],
        except: &["actors/src/process/"],
        words: &[
            "Command::new",
            "kill_process",
            "kill_process_group",
            "pidfd_open",
            "waitid",
            "Signal::KILL",
            "Signal::TERM",
        ],
        cure: "processes are started, signalled and reaped in actors/src/process alone",
    },
    Ban {
        places: &["actors/src/", "config/", "src/"],
        // Only tests, as its first line says.
        except: &["actors/src/framework_contract.rs"],
        words: &["unbounded_channel", "UnboundedSender"],
        cure: "give the queue a limit and say what happens when it is full",
    },
    Ban {
        places: &["actors/src/", "config/", "src/"],
        // Tables that are compiled once and never change; the routes are one. (So are the words of
        // `wire::Word`, each worked out where it is first looked for.)
        except: &["actors/src/merger/sanitize/", "src/rest/mod.rs"],
        words: &["lazy_static", "static mut", "thread_local", "LazyLock"],
        cure: "pass values: what is global has no owner",
    },
    Ban {
        places: &["actors/src/", "config/", "src/"],
        except: &["config/src/patterns/"],
        words: &["glob::"],
        cure: "there is one kind of pattern: take `Patterns` of the settings",
    },
    Ban {
        places: &["actors/src/", "config/", "src/"],
        except: &["actors/src/server/downstream/", "src/sample_server"],
        words: &["rmcp::"],
        cure: "the SDK is met at the edge only, so that its next version changes one folder",
    },
];

/// What the table forbids in this file.
pub(super) fn bans(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.is_test() {
        return Vec::new();
    }
    let begins = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
    let rules = BANS.iter().filter(|ban| begins(ban.places) && !begins(ban.except));
    let code = source.code();
    let mut found = Vec::new();
    for ban in rules {
        for (at, line) in &code {
            if let Some(word) = ban.words.iter().find(|word| has_word(line, word)) {
                found.push(source.finding(*at, format!("`{word}`: {}", ban.cure)));
            }
        }
    }
    found
}

/// Every place in the tables exists, or the rule would guard nothing.
pub(super) fn ghosts(paths: &[&str]) -> Vec<String> {
    let named = BANS.iter().flat_map(|ban| ban.places.iter().chain(ban.except));
    let allowed = CODES.iter().map(|(place, ..)| place);
    let gone = |place: &&&str| !paths.iter().any(|path| path.starts_with(**place));
    named
        .chain(allowed)
        .filter(gone)
        .map(|place| format!("tests/e2e/tidy/places.rs names `{place}`, which is gone: follow it"))
        .collect()
}

/// Where JSON-RPC error numbers may stand beside `src/door/reply/`, and why.
pub(super) const CODES: &[(&str, &str, &str)] = &[
    ("actors/src/server/downstream/asking.rs", "-32601", "what a server asks is not offered"),
    ("actors/src/server/downstream/asking.rs", "-32602", "not offered in this form"),
    ("actors/src/server/downstream/asking.rs", "-32603", "there is nobody to ask"),
    ("actors/src/server/downstream/sdk.rs", "-32603", "the SDK is told that an answer is spoilt"),
    (
        "actors/src/server/downstream/remote/exchange.rs",
        "-32020",
        "a call is made once more whose headers a server does not take",
    ),
    (
        "actors/src/server/downstream/remote/open.rs",
        "-32022",
        "a server names the revisions that it speaks with it",
    ),
    ("actors/src/server/listing.rs", "-32601", "a server without tools says so with it"),
];

/// What agents are told in numbers is decided in one folder.
pub(super) fn codes(source: &Source) -> Vec<Finding> {
    let shipped = source.path.starts_with("actors/src/") || source.path.starts_with("src/");
    if !shipped || source.is_test() || source.path.starts_with("src/door/reply/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, line) in source.code() {
        for code in numbers(line) {
            let allowed =
                |(place, number, _): &(&str, &str, &str)| *place == source.path && *number == code;
            if !CODES.iter().any(allowed) {
                let cure = format!("{code}: return a typed error, src/door/reply numbers it");
                found.push(source.finding(at, cure));
            }
        }
    }
    found
}

/// Allowances that nothing needs any more.
pub(super) fn idle_codes(sources: &[Source]) -> Vec<String> {
    let used = |(place, number, _): &(&str, &str, &str)| {
        let mut parts = sources.iter().filter(|source| source.path == *place);
        parts.any(|part| part.code().iter().any(|(_, line)| line.contains(number)))
    };
    CODES
        .iter()
        .filter(|allowed| !used(allowed))
        .map(|(place, number, _)| format!("{place} has no {number} any more: drop its allowance"))
        .collect()
}

/// The numbers from -31999 to -32999 in a line, as JSON-RPC and MCP use them.
fn numbers(line: &str) -> Vec<String> {
    let digits = line.replace('_', "");
    let mut found = Vec::new();
    for (at, _) in digits.match_indices("-3") {
        let number: String = digits[at + 1..].chars().take_while(char::is_ascii_digit).collect();
        if number.len() == 5 && (number.starts_with("31") || number.starts_with("32")) {
            found.push(format!("-{number}"));
        }
    }
    found
}
