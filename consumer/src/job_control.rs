//! Whether somebody could continue this process once it was stopped, as a shell's `fg` does.
//!
//! A process that stops itself where nobody continues it is lost: it hears no key, no Ctrl-C and no SIGTERM until
//! SIGKILL. The system itself lets only a process group be stopped that has a parent in its session, but that may
//! be a container's init, which never continues anyone. A shell with job control is known by two things: it put
//! this process's group apart from its own, and it ignores SIGTSTP, or it could be stopped itself.

use std::fs;

/// What is said in place of stopping.
pub const NOBODY: &str = "Ctrl-Z does nothing here: no shell could continue it";

/// SIGTSTP in the set of signals that a process ignores, as Linux tells it.
const STOP_FROM_TERMINAL: u64 = 1 << (libc::SIGTSTP - 1);

/// Whether a shell with job control stands above this process in its session. Where the system does not tell what
/// stands there, it counts as one.
pub fn can_be_continued() -> bool {
    let Some(own) = Process::read("self") else {
        return true;
    };
    // Whoever started the leader of a session is in another one.
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

/// The number of each process outside of a container, as it is seen in there.
const OUTSIDE: i32 = 0;

/// What Linux tells of a process.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    id: i32,
    parent: i32,
    group: i32,
    session: i32,
    /// A bit a signal.
    ignores: u64,
}

impl Process {
    fn read(process: &str) -> Option<Self> {
        let file = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).ok();
        Self::parse(&file("stat")?, &file("status")?)
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        let (id, _) = stat.split_once(' ')?;
        // A program's name may have anything in it.
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
        // An interactive bash, as Linux 6.1 tells it: QUIT, TERM, TSTP, TTIN and TTOU.
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
        // A container's init: TTIN and TTOU alone.
        assert_eq!(0x30_0000 & STOP_FROM_TERMINAL, 0);
        assert_eq!(Process::parse("812", status), None);
        assert_eq!(Process::parse("812 (a) S 1 2 3", ""), None);
    }
}
