//! server_name (RFC 6066, section 3).

use super::codec::{DecodeError, DecodeReason, Prefix, Reader, write_bytes, write_vector};

const FIELD: &str = "server_name";

/// The `name_type` of a DNS name: the only one there is.
const HOST_NAME: u8 = 0;

/// Reads a list that in practice has one entry, of the type host_name. Entries of other types are
/// passed over; a second host_name is an error.
pub(super) fn read_server_name<'a>(
    reader: &mut Reader<'a>,
) -> Result<Option<&'a [u8]>, DecodeError> {
    let bytes = reader.vector(FIELD, Prefix::U16, 1..=0xffff)?;
    let mut list = reader.part(bytes);
    let mut host_name = None;
    while !list.is_empty() {
        let name_type = list.u8(FIELD)?;
        let name = list.vector(FIELD, Prefix::U16, 1..=0xffff)?;
        if name_type == HOST_NAME && host_name.replace(name).is_some() {
            return Err(list.error(FIELD, DecodeReason::Duplicate("a host_name".into())));
        }
    }
    Ok(host_name)
}

/// Writes a list with one DNS name.
pub(super) fn write_server_name(out: &mut Vec<u8>, name: &[u8]) {
    write_vector(out, Prefix::U16, |out| {
        out.push(HOST_NAME);
        write_bytes(out, Prefix::U16, name);
    });
}
