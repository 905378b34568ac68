//! The bytes that some writers put before a record's JSON: a byte-order mark, or a schema registry's prefix.

/// U+FEFF in UTF-8. It has no meaning in a text that is always UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Returns where a record's JSON begins: after a byte-order mark, if there is one.
#[inline]
pub(crate) fn json_start(record: &[u8]) -> usize {
    match record.starts_with(&BYTE_ORDER_MARK) {
        true => BYTE_ORDER_MARK.len(),
        false => 0,
    }
}

/// Returns the schema id in the prefix that the serializers of a schema registry put before each value. The prefix is a
/// zero byte followed by the four bytes of the id, highest byte first. No JSON begins with a zero byte.
pub(crate) fn registry_schema_id(record: &[u8]) -> Option<u32> {
    match *record {
        [0, a, b, c, d, ..] => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_zero_byte_and_the_schemas_id() {
        assert_eq!(registry_schema_id(b"\0\0\0\x01\x02{\"n\":1}"), Some(258));
        assert_eq!(registry_schema_id(b"\0\0\0\0\x07"), Some(7));
        for other in [&b""[..], b"\0\0\0\x01", b"{\"n\":1}", b"\x01\0\0\0\x01{}"] {
            assert_eq!(registry_schema_id(other), None, "{other:?}");
        }
    }

    #[test]
    fn json_begins_behind_a_byte_order_mark() {
        assert_eq!(json_start("\u{feff}{}".as_bytes()), 3);
        assert_eq!(json_start(b"{}"), 0);
        assert_eq!(json_start(b"\xef\xbb"), 0);
    }
}
