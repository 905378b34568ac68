//! The parts of a batch, as Arrow's reader takes them: for each array its rows, and where its bytes lie.

use std::vec;

use arrow::datatypes::DataType;
use arrow::ipc;

use super::{FormatError, wrong};

/// The most rows of an array without bytes of its own, as arrays of NULLs or of runs are. Such an array could have any
/// length; here it has at most as many rows as the offsets of a list can count.
const MOST_ROWS: usize = i32::MAX as usize;

/// The parts of a batch that have not been taken yet.
pub(super) struct MessageParts {
    nodes: vec::IntoIter<Node>,
    /// The length of each buffer.
    buffers: vec::IntoIter<usize>,
    /// How many buffers each column of views has besides the views.
    variadic: vec::IntoIter<usize>,
}

/// An array's number of rows, and whether it has NULLs.
struct Node {
    length: usize,
    has_nulls: bool,
}

impl MessageParts {
    /// Reads the parts of a batch whose body has `body` bytes.
    pub(super) fn of(batch: ipc::RecordBatch<'_>, body: usize) -> Result<Self, FormatError> {
        // The reader would allocate the length that a compressed buffer claims before checking it.
        if batch.compression().is_some() {
            return Err(wrong("it is compressed"));
        }
        let rows = |number| {
            let number = usize::try_from(number).ok();
            number.filter(|number| *number <= MOST_ROWS)
        };
        if rows(batch.length()).is_none() {
            return Err(wrong("the rows of a batch cannot be so many"));
        }
        let nodes = batch.nodes().map(|nodes| {
            let nodes = nodes.iter().map(|node| {
                let length = rows(node.length())?;
                let nulls = rows(node.null_count())?;
                (nulls <= length).then_some(Node {
                    length,
                    has_nulls: nulls > 0,
                })
            });
            nodes.collect::<Option<Vec<_>>>()
        });
        let nodes = nodes
            .flatten()
            .ok_or_else(|| wrong("the rows of a column cannot be so many"))?;
        // Each buffer has its own bytes: if buffers shared bytes, copies of them would take more memory than there are
        // bytes.
        let mut room = body;
        let buffers = batch.buffers().map(|buffers| {
            let buffers = buffers.iter().map(|buffer| {
                let offset = usize::try_from(buffer.offset()).ok()?;
                let length = usize::try_from(buffer.length()).ok()?;
                room = room.checked_sub(length)?;
                (offset <= body - length).then_some(length)
            });
            buffers.collect::<Option<Vec<_>>>()
        });
        let buffers = buffers
            .flatten()
            .ok_or_else(|| wrong("a buffer is not within its batch"))?;
        let counts = batch.variadicBufferCounts();
        let variadic = counts.iter().flatten().map(|count| {
            let count = usize::try_from(count).ok();
            count.filter(|count| *count <= buffers.len())
        });
        let variadic = variadic
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| wrong("a column cannot have so many buffers"))?;
        Ok(Self {
            nodes: nodes.into_iter(),
            buffers: buffers.into_iter(),
            variadic: variadic.into_iter(),
        })
    }

    /// Takes the parts of an array of this type, and of the arrays within it.
    pub(super) fn take(&mut self, data_type: &DataType) -> Result<(), FormatError> {
        const OFFSET: usize = size_of::<i32>();
        const LARGE_OFFSET: usize = size_of::<i64>();
        const VIEW: usize = size_of::<u128>();
        match data_type {
            DataType::Null => {
                self.node()?;
            }
            DataType::Utf8 | DataType::Binary => self.own(&[OFFSET, 1])?,
            DataType::LargeUtf8 | DataType::LargeBinary => self.own(&[LARGE_OFFSET, 1])?,
            DataType::Utf8View | DataType::BinaryView => {
                self.own(&[VIEW])?;
                let more = self
                    .variadic
                    .next()
                    .ok_or_else(|| wrong("a batch has less than its schema"))?;
                for _ in 0..more {
                    self.buffer(1)?;
                }
            }
            DataType::List(values) | DataType::Map(values, _) => {
                self.own(&[OFFSET])?;
                self.take(values.data_type())?;
            }
            DataType::LargeList(values) => {
                self.own(&[LARGE_OFFSET])?;
                self.take(values.data_type())?;
            }
            DataType::FixedSizeList(values, _) => {
                self.own(&[])?;
                self.take(values.data_type())?;
            }
            DataType::ListView(values) => {
                self.own(&[OFFSET, OFFSET])?;
                self.take(values.data_type())?;
            }
            DataType::LargeListView(values) => {
                self.own(&[LARGE_OFFSET, LARGE_OFFSET])?;
                self.take(values.data_type())?;
            }
            DataType::RunEndEncoded(ends, values) => {
                self.node()?;
                self.own(&[ends.data_type().primitive_width().unwrap_or(1)])?;
                self.take(values.data_type())?;
            }
            DataType::Struct(fields) => {
                self.own(&[])?;
                for field in fields {
                    self.take(field.data_type())?;
                }
            }
            DataType::Dictionary(index, _) => self.own(&[index.primitive_width().unwrap_or(1)])?,
            // These are numbers. The reader checks whether there are enough of them.
            _ => self.own(&[1])?,
        }
        Ok(())
    }

    /// Takes an array's node, the bits that mark NULLs, and one buffer for each width. Such a buffer has whole values
    /// of that many bytes.
    fn own(&mut self, widths: &[usize]) -> Result<(), FormatError> {
        let node = self.node()?;
        let bytes = self.buffer(1)?;
        if node.has_nulls && bytes < node.length.div_ceil(8) {
            return Err(wrong("a column does not say which rows are NULL"));
        }
        for width in widths {
            self.buffer(*width)?;
        }
        Ok(())
    }

    fn node(&mut self) -> Result<Node, FormatError> {
        self.nodes
            .next()
            .ok_or_else(|| wrong("a batch has less than its schema"))
    }

    fn buffer(&mut self, width: usize) -> Result<usize, FormatError> {
        let length = self
            .buffers
            .next()
            .ok_or_else(|| wrong("a batch has less than its schema"))?;
        if length.is_multiple_of(width) {
            Ok(length)
        } else {
            Err(wrong("a buffer ends within a value"))
        }
    }

    /// Checks that nothing is left.
    pub(super) fn end(self) -> Result<(), FormatError> {
        let parts = self.nodes.len() + self.buffers.len() + self.variadic.len();
        if parts == 0 {
            Ok(())
        } else {
            Err(wrong("a batch has more than its schema"))
        }
    }
}
