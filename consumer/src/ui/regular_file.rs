//! Standard output as a regular file. A file outlives the program, and an earlier program may have written to it.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;

/// The file, if the output is one; `None` for a pipe or a terminal.
pub struct RegularFile(Option<File>);

impl RegularFile {
    /// Returns the file to which `output` writes.
    pub fn behind(output: &impl AsFd) -> Self {
        let file = output.as_fd().try_clone_to_owned().map(File::from);
        let is_regular = |file: &File| file.metadata().is_ok_and(|found| found.is_file());
        Self(file.ok().filter(is_regular))
    }

    /// Ends the line that a program left unfinished when it was killed: otherwise the next line would become a part of
    /// it, and nobody could read it. `path` is a path by which the file can be read.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn end_torn_line(&mut self, path: &str) -> io::Result<()> {
        match &mut self.0 {
            Some(file) if is_torn(path).unwrap_or(false) => file.write_all(b"\n"),
            _ => Ok(()),
        }
    }

    /// Waits until what was written is on the disk, so that no checkpoint outlives its rows.
    ///
    /// # Errors
    /// Fails if the data cannot be written to the disk.
    pub fn sync(&self) -> io::Result<()> {
        match self.0.as_ref().map_or(Ok(()), File::sync_data) {
            // Some file systems do not have this operation.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::InvalidInput | ErrorKind::Unsupported
                ) =>
            {
                Ok(())
            }
            synced => synced,
        }
    }
}

fn is_torn(path: &str) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};

    use super::*;

    #[test]
    fn a_line_that_a_kill_came_upon_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        for (before, after) in [("", ""), ("whole\n", "whole\n"), ("who", "who\n")] {
            fs::write(&path, before).unwrap();
            let appended = OpenOptions::new().append(true).open(&path).unwrap();
            let mut file = RegularFile::behind(&appended);
            file.end_torn_line(path.to_str().unwrap()).unwrap();
            file.sync().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_pipe_is_no_file() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut file = RegularFile::behind(&writer);
        assert!(file.0.is_none());
        file.end_torn_line("/proc/self/fd/1").unwrap();
        file.sync().unwrap();
    }
}
