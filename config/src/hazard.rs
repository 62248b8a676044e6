//! This file knows which variables have a program load other code than its own, and which commands
//! hand their arguments to a shell.
//! It decides what a program from outside may be given, not what a person may write into a file.

/// Variables that have an interpreter, a loader or a library run code of the giver's choice.
const REFUSED: &[&str] = &[
    "BASHOPTS",
    "BASH_ENV",
    "CORECLR_ENABLE_PROFILING",
    "DOTNET_STARTUP_HOOKS",
    "ENV",
    "GCONV_PATH",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PROXY_COMMAND",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LOCPATH",
    "LUA_INIT",
    "MALLOC_TRACE",
    "NODE_OPTIONS",
    "NODE_REPL_EXTERNAL_MODULE",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "SHELLOPTS",
    "_JAVA_OPTIONS",
];

/// The same by how they begin.
const REFUSED_PREFIXES: &[&str] =
    &["BASH_FUNC_", "CORECLR_PROFILER", "COR_PROFILER", "DYLD_", "GIT_CONFIG", "LD_"];

/// Variables that say where programs or their parts are found. Many servers need them.
const TOLD: &[&str] = &["CLASSPATH", "NODE_PATH", "PATH", "PYTHONPATH"];

/// What is to be said of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hazard {
    /// It may be given.
    None,
    /// It may be given, and whoever looks after the daemon should know.
    Told,
    /// It must not be given unless the settings allow it.
    Refused,
}

/// What is to be said of the variable `name`, of which `allowed` names exceptions.
pub(crate) fn of_variable(name: &str, allowed: &[String]) -> Hazard {
    let begins = |prefix: &&str| name.starts_with(prefix);
    let refused = REFUSED.contains(&name) || REFUSED_PREFIXES.iter().any(begins);
    match refused {
        true if allowed.iter().any(|known| known == name) => Hazard::Told,
        true => Hazard::Refused,
        false if TOLD.contains(&name) => Hazard::Told,
        false => Hazard::None,
    }
}

/// Whether a command has its arguments read by a shell after all.
pub(crate) fn is_shell(program: &str, args: &[String]) -> bool {
    let program = program.rsplit('/').next().unwrap_or_default();
    let flags: &[&str] = match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "busybox" => &["-c"],
        "npx" | "npm" | "bunx" | "pnpm" => &["-c", "--call"],
        _ => return false,
    };
    let is_flag = |arg: &String| {
        flags.contains(&arg.as_str())
            || (arg.starts_with('-') && !arg.starts_with("--") && arg.contains('c'))
            || arg.starts_with("--call=")
    };
    args.iter().any(is_flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s29_variables_that_load_code_are_refused_unless_allowed() {
        for (name, expected) in [
            ("LD_PRELOAD", Hazard::Refused),
            ("LD_LIBRARY_PATH", Hazard::Refused),
            ("DYLD_INSERT_LIBRARIES", Hazard::Refused),
            ("NODE_OPTIONS", Hazard::Refused),
            ("PYTHONSTARTUP", Hazard::Refused),
            ("BASH_FUNC_x%%", Hazard::Refused),
            ("GIT_CONFIG_COUNT", Hazard::Refused),
            ("PATH", Hazard::Told),
            ("PYTHONPATH", Hazard::Told),
            ("ALLOWED", Hazard::None),
            ("TOKEN", Hazard::None),
            ("ld_preload", Hazard::None), // another variable on this system
        ] {
            assert_eq!(of_variable(name, &["PERL5OPT".to_owned()]), expected, "{name}");
        }
        assert_eq!(of_variable("PERL5OPT", &["PERL5OPT".to_owned()]), Hazard::Told);
    }

    #[test]
    fn s29_commands_that_are_shells_are_known() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (program, given, expected) in [
            ("/bin/sh", "-c x", true),
            ("bash", "-xc x", true),
            ("npx", "-c x", true),
            ("npx", "--call=x", true),
            ("npx", "-y server", false),
            ("python", "-c x", false),
            ("sh", "script.sh", false),
        ] {
            assert_eq!(is_shell(program, &args(given)), expected, "{program} {given}");
        }
    }
}
