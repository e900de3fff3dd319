//! How many values are in MessagePack, told without building one: a list of a million nulls takes a million bytes here, and
//! forty times as many in memory.

/// How many values there are, up to where the bytes end or make no sense.
pub(super) fn values(mut bytes: &[u8]) -> usize {
    let mut values = 0;
    while let Some((marker, rest)) = bytes.split_first() {
        values += 1;
        let len = |n: usize, more: usize| {
            let (digits, _) = rest.split_at_checked(n)?;
            let len = digits.iter().fold(0_u64, |len, digit| len << 8 | u64::from(*digit));
            usize::try_from(len).ok()?.checked_add(n + more)
        };
        // What stands behind the marker besides further values.
        let behind = match marker {
            0xa0..=0xbf => Some(usize::from(marker & 0x1f)),
            0xc4 | 0xd9 => len(1, 0),
            0xc5 | 0xda => len(2, 0),
            0xc6 | 0xdb => len(4, 0),
            0xc7 => len(1, 1),
            0xc8 => len(2, 1),
            0xc9 => len(4, 1),
            0xcc | 0xd0 => Some(1),
            0xcd | 0xd1 | 0xd4 | 0xdc | 0xde => Some(2),
            0xd5 => Some(3),
            0xca | 0xce | 0xd2 | 0xdd | 0xdf => Some(4),
            0xd6 => Some(5),
            0xcb | 0xcf | 0xd3 => Some(8),
            0xd7 => Some(9),
            0xd8 => Some(17),
            _ => Some(0),
        };
        let Some(left) = behind.and_then(|behind| rest.get(behind..)) else { return values };
        bytes = left;
    }
    values
}
