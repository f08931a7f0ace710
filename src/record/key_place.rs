use core::hint::black_box;

use super::TrafficKeys;

/// The place of the keys of one direction. It is on the heap and stays where it is while its opener
/// or sealer moves, and it is overwritten when the keys go: not every provider wipes its keys.
#[derive(Default)]
pub(super) struct KeyPlace(Option<Box<Content>>);

enum Content {
    Keys(TrafficKeys),
    #[expect(dead_code, reason = "the zeros are there to be written, not to be read")]
    Wiped([u8; LARGER]),
}

/// More bytes than the keys have, wherever the compiler puts them.
const LARGER: usize = size_of::<TrafficKeys>() + align_of::<TrafficKeys>();

impl KeyPlace {
    pub(super) fn keys(&self) -> Option<&TrafficKeys> {
        match self.0.as_deref()? {
            Content::Keys(keys) => Some(keys),
            Content::Wiped(_) => None,
        }
    }

    pub(super) fn install(&mut self, keys: TrafficKeys) {
        self.wipe();
        match &mut self.0 {
            Some(place) => **place = Content::Keys(keys),
            None => self.0 = Some(Box::new(Content::Keys(keys))),
        }
    }

    pub(super) fn wipe(&mut self) {
        if let Some(place) = &mut self.0 {
            **place = Content::Wiped([0; LARGER]);
            // Without it, the compiler drops a write to memory that is about to be freed.
            black_box(place);
        }
    }
}

impl Drop for KeyPlace {
    fn drop(&mut self) {
        self.wipe();
    }
}
