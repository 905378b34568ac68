//! Finds out whether somebody could continue this process after it was stopped, as a shell's `fg` does.
//!
//! A process that stops itself where nobody continues it is lost: it hears no key, no Ctrl-C and no SIGTERM until
//! SIGKILL. The system lets a process group be stopped only if it has a parent in its session, but that parent may be a
//! container's init, which never continues anyone. A shell with job control has two marks: it put this process's group
//! apart from its own, and it ignores SIGTSTP, because otherwise it could be stopped itself.

use std::fs;

/// The text that the user sees instead of a stop.
pub const NOBODY: &str = "Ctrl-Z does nothing here: no shell could continue it";

/// SIGTSTP in the set of signals that a process ignores, as Linux reports it.
const STOP_FROM_TERMINAL: u64 = 1 << (libc::SIGTSTP - 1);

/// Returns whether a shell with job control stands above this process in its session. If the system does not tell what
/// stands there, this returns `true`.
pub fn can_be_continued() -> bool {
    let Some(own) = Process::read("self") else {
        return true;
    };
    // The process that started the leader of a session is in another session.
    if own.session == own.id {
        return false;
    }
    let mut above = own.parent;
    while above != OUTSIDE {
        let Some(process) = Process::read(&above.to_string()) else {
            return true;
        };
        if process.session != own.session {
            return false;
        }
        if process.group != own.group && process.ignores & STOP_FROM_TERMINAL != 0 {
            return true;
        }
        above = process.parent;
    }
    // The session was begun where this process cannot look.
    own.session == OUTSIDE
}

/// The process number that every process outside of a container has inside of it.
const OUTSIDE: i32 = 0;

/// What Linux reports about a process.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    id: i32,
    parent: i32,
    group: i32,
    session: i32,
    /// The ignored signals, one bit for each.
    ignores: u64,
}

impl Process {
    fn read(process: &str) -> Option<Self> {
        let file = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).ok();
        Self::parse(&file("stat")?, &file("status")?)
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        let (id, _) = stat.split_once(' ')?;
        // A program's name may contain any character.
        let (_, behind_name) = stat.rsplit_once(')')?;
        let mut numbers = behind_name.split_whitespace().skip(1);
        let mut number = || numbers.next()?.parse().ok();
        let ignores = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))?;
        Some(Self {
            id: id.parse().ok()?,
            parent: number()?,
            group: number()?,
            session: number()?,
            ignores: u64::from_str_radix(ignores.trim(), 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_ignores_and_where_it_stands_are_read() {
        // Linux 6.1 reports this for an interactive bash: QUIT, TERM, TSTP, TTIN and TTOU.
        let status = "Name:\tbash\nSigBlk:\t0000000000010000\nSigIgn:\t0000000000384004\n";
        let bash = Process::parse("812 (a) b) S 811 812 700 34816 812 4194304", status);
        let expected = Process {
            id: 812,
            parent: 811,
            group: 812,
            session: 700,
            ignores: 0x38_4004,
        };
        assert_eq!(bash, Some(expected));
        assert_ne!(0x38_4004 & STOP_FROM_TERMINAL, 0);
        // A container's init ignores only TTIN and TTOU.
        assert_eq!(0x30_0000 & STOP_FROM_TERMINAL, 0);
        assert_eq!(Process::parse("812", status), None);
        assert_eq!(Process::parse("812 (a) S 1 2 3", ""), None);
    }
}
