//! MEMORY_LIMIT: the limit that a user writes, and the one that holds when nothing is written.

use std::fs;
use std::path::Path;

use bytesize::ByteSize;
use kafka_access::SettingsError;

/// A smaller limit would hold little more than what is fetched ahead and decoded.
const SMALLEST: ByteSize = ByteSize::mb(32);

/// The most bytes that a query may hold: as `text` says, else a share of the machine's memory; `None` if that is not
/// known.
pub(super) fn limit(text: &str) -> Result<Option<u64>, SettingsError> {
    if text.is_empty() {
        let read = |path: &str| fs::read_to_string(path).ok();
        return Ok(available(read).map(|bytes| bytes / 4 * 3));
    }
    let wrong = |mend: &str| SettingsError::new("MEMORY_LIMIT", text, mend);
    let size: ByteSize = text
        .parse()
        .map_err(|_| wrong("write a size such as 512MB or 2GiB"))?;
    if size < SMALLEST {
        return Err(wrong("32MB is the smallest"));
    }
    Ok(Some(size.as_u64()))
}

/// The bytes that this process can have: the memory of the machine, or less if its cgroup (version 2) or one above that
/// has a limit. `None` where neither can be read.
fn available(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    let own = read("/proc/self/cgroup");
    let own = own.as_deref().and_then(cgroup).unwrap_or("/");
    let limits = Path::new(own).ancestors().filter_map(|cgroup| {
        let path = Path::new("/sys/fs/cgroup")
            .join(cgroup.strip_prefix("/").unwrap_or(cgroup))
            .join("memory.max");
        // The text `max` means no limit, and is no number.
        read(path.to_str()?)?.trim().parse().ok()
    });
    limits.chain(machine).min()
}

/// The machine's memory in bytes, from a line such as `MemTotal:       16311764 kB`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The path of the cgroup of version 2, which stands behind `0::`.
fn cgroup(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn available_of(files: &[(&str, &str)]) -> Option<u64> {
        available(|path| {
            let file = files.iter().find(|(name, _)| *name == path);
            file.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn sizes_are_written_as_people_write_them() {
        for (text, bytes) in [
            ("512MB", 512_000_000),
            ("2GiB", 2 * GIB),
            ("1.5 GB", 1_500_000_000),
            ("100000000", 100_000_000),
        ] {
            assert_eq!(limit(text).unwrap(), Some(bytes), "{text}");
        }
        for text in ["many", "-1GB", "5 litres", "GB"] {
            let error = limit(text).unwrap_err().to_string();
            assert!(error.contains("such as 512MB or 2GiB"), "{error}");
        }
        let error = limit("31MB").unwrap_err().to_string();
        assert_eq!(error, "MEMORY_LIMIT=31MB: 32MB is the smallest");
    }

    #[test]
    fn the_smallest_of_the_machine_and_all_cgroups_counts() {
        let machine = ("/proc/meminfo", "MemFree: 1 kB\nMemTotal:  16777216 kB\n");
        let inside = ("/proc/self/cgroup", "4:memory:/v1\n0::/a/b\n");
        let of = |name, text| (name, text);
        let max = of("/sys/fs/cgroup/a/b/memory.max", "max\n");
        let above = of("/sys/fs/cgroup/a/memory.max", "2147483648\n");
        let root = of("/sys/fs/cgroup/memory.max", "4294967296\n");
        assert_eq!(available_of(&[]), None);
        assert_eq!(available_of(&[machine]), Some(16 * GIB));
        assert_eq!(available_of(&[machine, inside, max]), Some(16 * GIB));
        assert_eq!(available_of(&[machine, inside, max, above]), Some(2 * GIB));
        // A container sees its own cgroup as the root.
        assert_eq!(available_of(&[machine, root]), Some(4 * GIB));
        assert_eq!(available_of(&[root]), Some(4 * GIB));
    }
}
