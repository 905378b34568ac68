//! The output that takes the rows of a query without an aggregate. It takes its time, and may die with a part of a
//! batch written.

use std::collections::{BTreeMap, VecDeque};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type};
use consumer::event::Receipt;
use consumer::position::{Offset, TopicPartition};

use super::process::Checked;
use super::settings::Sabotage;
use super::topic::{TOPIC, Topic};
use super::world::World;

/// The output of one process.
#[derive(Default)]
pub struct Output {
    given: VecDeque<(RecordBatch, Receipt)>,
    is_dead: bool,
}

impl Output {
    /// Gives a batch to the output. A dead output drops it.
    pub fn give(&mut self, rows: RecordBatch, receipt: Receipt) {
        if !self.is_dead {
            self.given.push_back((rows, receipt));
        }
    }

    /// Returns whether some rows wait.
    pub fn is_waiting(&self) -> bool {
        !self.given.is_empty()
    }

    /// Returns whether the output takes nothing any more.
    pub fn is_dead(&self) -> bool {
        self.is_dead
    }
}

/// How often the row of each record was written.
#[derive(Default)]
pub struct Written(BTreeMap<(TopicPartition, i64), u64>);

impl Written {
    /// Writes the first rows of a batch, which must match their records.
    fn write(&mut self, rows: &RecordBatch, count: usize, topic: &Topic) -> Checked {
        for row in 0..count {
            let number = rows.column(0).as_primitive::<Int32Type>().value(row);
            let offset = rows.column(1).as_primitive::<Int64Type>().value(row);
            let card = rows.column(2).as_primitive::<Int32Type>().value(row);
            let cents = rows.column(3).as_primitive::<Decimal128Type>().value(row);
            let partition = TopicPartition::new(TOPIC, number);
            let of_record = topic.log(&partition).read(offset).first();
            let of_record = of_record.filter(|record| record.offset == offset);
            let good = of_record.and_then(|record| record.good);
            if good.map(|(card, cents)| (card, i128::from(cents))) != Some((card, cents)) {
                return Err(format!(
                    "{partition} {offset} is written as {card}, {cents}, and is {good:?}"
                ));
            }
            *self.0.entry((partition, offset)).or_default() += 1;
        }
        Ok(())
    }

    /// Checks that each record before `next` that makes a row has made one.
    pub fn check(&self, partition: &TopicPartition, next: Offset, topic: &Topic) -> Checked {
        for record in topic.log(partition).between(Offset(0), next) {
            let place = (partition.clone(), record.offset);
            if record.good.is_some() && !self.0.contains_key(&place) {
                return Err(format!(
                    "{partition} goes on at {next}, and the row of {} was never written",
                    place.1
                ));
            }
        }
        Ok(())
    }
}

impl World<'_> {
    /// Lets the output of a process write its next batch, or die, if it may. If it dies, the process ends with it, or
    /// goes on without it.
    pub fn write_rows(&mut self, index: usize, may_die: bool) -> Checked {
        let process = &mut self.processes[index];
        let Some((rows, receipt)) = process.output.given.pop_front() else {
            return Ok(());
        };
        let what = format!("{} by process {}", rows.num_rows(), process.serial);
        if !may_die || !self.dice.chance(self.weather.output_dies) {
            self.written.write(&rows, rows.num_rows(), &self.topic)?;
            receipt.acknowledge();
            self.trace.note("rows written", &what);
            return Ok(());
        }
        let some = self.dice.below(rows.num_rows() + 1);
        self.written.write(&rows, some, &self.topic)?;
        process.output = Output {
            is_dead: true,
            ..Output::default()
        };
        if self.settings.sabotage == Some(Sabotage::RowsDropped) {
            receipt.acknowledge();
        }
        drop(receipt);
        self.trace
            .note("output dies", &format!("with {some} of {what}"));
        match self.dice.chance(50) {
            true => {
                let left = self.dice.chance(50).then(|| 1 + self.dice.below(4));
                self.kill(index, left)
            }
            false => Ok(()),
        }
    }

    /// Writes everything that waits in a process's output.
    pub fn write_all_rows(&mut self, index: usize) -> Checked {
        while self.processes[index].output.is_waiting() {
            self.write_rows(index, false)?;
        }
        Ok(())
    }
}
