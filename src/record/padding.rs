use std::sync::Arc;

use crate::registry::ContentType;

/// How many zeros to add to a protected record (RFC 9846, section 5.4), by the type of its content
/// and its length in bytes. Zeros that would make the record longer than it may be are left out.
///
/// The policy may be called more than once for one record. Padding hides lengths, not times, and
/// costs the bytes that it adds. Only the application knows what it has to hide, so there is no
/// padding by default.
pub type PaddingPolicy = Arc<dyn Fn(ContentType, usize) -> usize + Send + Sync>;

/// Pads the content of every record to the next multiple of `multiple` bytes, alerts included; none
/// for 0 and 1.
pub fn pad_to_multiple_of(multiple: usize) -> PaddingPolicy {
    let multiple = multiple.max(1);
    Arc::new(move |_, length| length.next_multiple_of(multiple) - length)
}
