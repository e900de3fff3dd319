//! The discriminator in a payload's first byte.

/// What a payload holds, from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// A claim: byte 0.
    Assertion,
    /// A voice on a claim: byte 1.
    Vote,
    /// A paradigm: byte 2.
    Epoch,
    /// Not given out yet: bytes 3 to 127. A reader parks such a record as a dead letter.
    Reserved(u8),
    /// The application's own: bytes 128 to 255. Annals carries them and leaves them alone.
    Application(u8),
}

impl From<u8> for RecordType {
    fn from(byte: u8) -> Self {
        match byte {
            0 => Self::Assertion,
            1 => Self::Vote,
            2 => Self::Epoch,
            3..=127 => Self::Reserved(byte),
            128.. => Self::Application(byte),
        }
    }
}

impl From<RecordType> for u8 {
    fn from(record_type: RecordType) -> Self {
        match record_type {
            RecordType::Assertion => 0,
            RecordType::Vote => 1,
            RecordType::Epoch => 2,
            RecordType::Reserved(byte) | RecordType::Application(byte) => byte,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_type_and_comes_back() {
        for byte in 0..=u8::MAX {
            assert_eq!(u8::from(RecordType::from(byte)), byte);
        }
        assert_eq!(RecordType::from(127), RecordType::Reserved(127));
        assert_eq!(RecordType::from(128), RecordType::Application(128));
    }
}
