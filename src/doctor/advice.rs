//! This file says what to do about a server that does not run: by how it ended, and by its last
//! words.
//!
//! Pure, and a guess: the words are those that common programs say.

/// Words of programs about to end, in lower case, and what to do about it.
const LAST_WORDS: [(&str, &str); 17] = [
    ("modulenotfounderror", "a Python module is missing: install the server's package, or use uvx"),
    ("no module named", "a Python module is missing: install the server's package, or use uvx"),
    ("cannot find module", "a Node.js module is missing: install the server's package again"),
    ("could not determine executable", "npx finds nothing to run: correct the package's name"),
    ("npm error 404", "npm knows no package of this name: correct it in `args`"),
    ("npm err! 404", "npm knows no package of this name: correct it in `args`"),
    ("no solution found", "uv cannot satisfy the package's versions: correct name and version"),
    ("not found in the package registry", "uv knows no package of this name: correct it in `args`"),
    (
        "eaddrinuse",
        "it wants a port that is taken: stop the other program, or give it another port",
    ),
    ("address already in use", "it wants a port that is taken: stop the other program"),
    ("out of memory", "it ran out of memory: give it more, or ask less of it"),
    (
        "heap limit",
        "it ran out of memory: NODE_OPTIONS=--max-old-space-size in `env` gives it more",
    ),
    ("permission denied", "something may not be opened: look at modes, and at the paths in `args`"),
    ("no such file", "a file is missing: correct the paths in `args`"),
    ("api key", "it wants a credential: set it in the entry's `env`"),
    ("unauthorized", "its credential is refused: renew it in the entry's `env`"),
    ("usage:", "it does not understand its arguments: correct `args`"),
];

/// What to do about an end with this code (those of docs/errors.md) and message, and these last
/// lines of stderr.
pub(super) fn advice(code: &str, message: &str, stderr: &[String], name: &str) -> String {
    let said = stderr.join("\n").to_lowercase();
    let known = LAST_WORDS.iter().find(|(words, _)| said.contains(words));
    if let Some((_, cure)) = known {
        return (*cure).to_owned();
    }
    let cure = match code {
        "spawn_failed" => "correct `command`, `args` and `cwd` of the entry",
        "out_of_resources" => {
            "the machine is short of processes, files or memory: raise the limits"
        }
        "handshake_failed" => {
            "make sure that it is an MCP server, and that it logs to stderr: stdout is for the protocol"
        }
        "start_timeout" => {
            "raise `startupTimeout`: what is run by a package runner downloads first"
        }
        "signalled" if message.ends_with(" 9") => {
            "somebody killed it, often the kernel for want of memory: `dmesg` tells"
        }
        "signalled" => "it crashed: look for a newer version of it",
        "heartbeat_lost" => {
            "it froze: look for a newer version, or raise `heartbeat` if it is merely busy"
        }
        "endless_line" => "it wrote too long a line: raise `maxLine`, or ask for less at once",
        "input_stuck" | "output_closed" => "it stopped talking: look for a newer version of it",
        "unreachable" => "see whether it runs, and whether `url` is right",
        "access_denied" => "set or renew `headers.Authorization` of the entry",
        "throttled" => "wait, or ask less of it",
        "actor_failed" => "this is a fault of conductor: please report it",
        _ => return by_hand(name),
    };
    cure.to_owned()
}

fn by_hand(name: &str) -> String {
    format!("`conductor logs {name}` shows more; run its command by hand to see what it wants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, message: &str, stderr: &str, expected: &str) {
        let stderr: Vec<String> = stderr.lines().map(str::to_owned).collect();
        let cure = advice(code, message, &stderr, "git");
        assert!(cure.contains(expected), "{cure}");
    }

    #[test]
    fn last_words_tell_more_than_the_code() {
        check("exited", "exited with code 1", "Error: Cannot find module 'x'", "Node.js module");
        check("exited", "exited with code 1", "a\nlisten EADDRINUSE :::3000\nb", "port");
        check("handshake_failed", "", "Usage: server [OPTIONS]", "arguments");
    }

    #[test]
    fn every_code_has_its_advice_and_an_unknown_end_is_looked_at_by_hand() {
        check("spawn_failed", "", "", "`command`");
        check("signalled", "was killed by signal 9", "", "memory");
        check("signalled", "was killed by signal 11", "", "crashed");
        check("start_timeout", "", "", "startupTimeout");
        check("access_denied", "", "", "Authorization");
        check("exited", "exited with code 1", "hm", "conductor logs git");
        check("news", "", "", "by hand");
    }

    #[test]
    fn the_words_are_in_lower_case() {
        for (words, _) in LAST_WORDS {
            assert_eq!(words, words.to_lowercase());
        }
    }
}
