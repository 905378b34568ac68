//! The output `json`: one line for each batch, for programs.
//!
//! Each line has the fields of the batch's progress, named as in Spark's `StreamingQueryProgress`, and `result`, whose
//! rows are objects: the whole result of a query with an aggregate, or every new row of a query without one. If other
//! processes have parts of the result, `others` says how fresh these parts are. Nothing else is written to this output,
//! so that `| jq` works on it. What a reader of the result should know, for instance that a partition is missing, is
//! written elsewhere.

use std::io::Write;

use arrow::array::{Array, RecordBatch, StructArray};

use super::json_text::write_json;
use super::json_value::write_struct;
use super::notes::NoticeLines;
use super::{Output, OutputError};
use crate::event::{Batch, Level, QueryEvent};

/// The bytes of a line that are written together.
const PART: usize = 64 << 10;

/// Writes JSON lines to `W`, and warnings to `N`.
pub struct Json<W, N> {
    out: W,
    warned: N,
    notes: NoticeLines,
    line: Vec<u8>,
}

impl<W: Write, N: Write> Json<W, N> {
    /// Makes an output that writes results to `out`, flushed after every line, and warnings to `warned`.
    pub fn new(out: W, warned: N) -> Self {
        Self {
            out,
            warned,
            notes: NoticeLines::new(Level::Warning),
            line: Vec::new(),
        }
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), OutputError> {
        self.line.clear();
        write_json(&mut self.line, &batch.progress)?;
        // The object that was just written stays open for more fields.
        self.line.pop();
        if let Some(others) = batch.others {
            write!(
                self.line,
                r#","others":{{"partitions":{},"behind":{},"ageMs":{}}}"#,
                others.partitions,
                others.behind,
                others.age.as_millis()
            )?;
        }
        self.line.extend_from_slice(br#","result":"#);
        self.rows(&batch.rows)?;
        self.line.extend_from_slice(b"}\n");
        self.out.write_all(&self.line)?;
        Ok(self.out.flush()?)
    }

    /// Writes the rows in parts: as text a large result takes more memory than the result.
    fn rows(&mut self, rows: &RecordBatch) -> Result<(), OutputError> {
        let rows = StructArray::from(rows.clone());
        self.line.push(b'[');
        for row in 0..rows.len() {
            if row > 0 {
                self.line.push(b',');
            }
            write_struct(&mut self.line, &rows, row)?;
            if self.line.len() >= PART {
                self.out.write_all(&self.line)?;
                self.line.clear();
            }
        }
        self.line.push(b']');
        Ok(())
    }
}

impl<W: Write, N: Write> Output for Json<W, N> {
    fn event(&mut self, event: &QueryEvent) -> Result<(), OutputError> {
        match event {
            QueryEvent::Batch(batch) => self.batch(batch),
            other => {
                // Without standard error nobody can be warned, and the result is still good.
                let _ = self.notes.event(other, &mut self.warned);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::event::Notice;
    use crate::event::samples::{ClosedPipe, brands};

    #[test]
    fn one_line_a_batch_with_progress_and_exact_rows() {
        let (mut out, mut warned) = (Vec::new(), Vec::new());
        let mut json = Json::new(&mut out, &mut warned);
        json.event(&QueryEvent::Batch(brands(
            0,
            &[("Visa", 3, 1250), ("日本\x1b\u{9b}2J", 1, 5)],
        )))
        .unwrap();
        for (level, text) in [(Level::Info, "as ever"), (Level::Warning, "not\x1b whole")] {
            let text = text.to_owned();
            let at = DateTime::UNIX_EPOCH;
            json.event(&QueryEvent::Notice(Notice { at, level, text }))
                .unwrap();
        }
        json.event(&QueryEvent::Batch(brands(1, &[]))).unwrap();
        let warned = String::from_utf8(warned).unwrap();
        assert_eq!(warned, "00:00:00 warning: not\\u{1b} whole\n");
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with(
            r#","result":[{"card_brand":"Visa","transactions":3,"total":12.50},{"card_brand":"日本\u001b\u009b2J","transactions":1,"total":0.05}]}"#
        ), "{}", lines[0]);
        assert!(lines[1].ends_with(r#","result":[]}"#));
        let value: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(value["batchId"], 0);
        assert_eq!(value["numInputRows"], 1200);
        assert_eq!(value["numBadRows"], 2);
        assert_eq!(value["numTombstones"], 0);
        assert_eq!(value["durationMs"]["triggerExecution"], 12);
    }

    #[test]
    fn a_reader_that_has_gone_is_a_quiet_end() {
        let end = Json::new(ClosedPipe, ClosedPipe).event(&QueryEvent::Batch(brands(0, &[])));
        assert!(matches!(end, Err(OutputError::Closed)));
    }
}
