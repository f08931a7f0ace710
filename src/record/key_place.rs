use super::TrafficKeys;

/// The place of the keys of one direction. It is on the heap and stays where it is while its opener
/// or sealer moves: a move would leave a copy of the keys behind. Keys are wiped where they are when
/// they are dropped.
#[derive(Default)]
pub(super) struct KeyPlace(Option<Box<TrafficKeys>>);

impl KeyPlace {
    pub(super) fn keys(&self) -> Option<&TrafficKeys> {
        self.0.as_deref()
    }

    pub(super) fn install(&mut self, keys: TrafficKeys) {
        match &mut self.0 {
            Some(place) => **place = keys,
            None => self.0 = Some(Box::new(keys)),
        }
    }

    pub(super) fn wipe(&mut self) {
        self.0 = None;
    }
}
