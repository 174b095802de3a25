//! Files of one JSON value a line, which a run that was killed may have left with a line that is cut off.
//!
//! Imports nothing of the crate.

use std::io::{self, BufRead, BufReader, Read};

use serde::de::DeserializeOwned;

/// Reads the lines, all of one version. A last line that was cut off is passed over.
///
/// # Errors
///
/// The text cannot be read, or a line is not of this form or version.
pub fn read<T: DeserializeOwned>(text: impl Read, format: impl Fn(&T) -> u32, expected: u32) -> io::Result<Vec<T>> {
    let mut text = BufReader::new(text);
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        if text.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let fails = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {why}"));
        match serde_json::from_slice::<T>(&line) {
            Ok(value) if format(&value) == expected => lines.push(value),
            Ok(value) => {
                return Err(fails(format!("format {}, but this version reads {expected}", format(&value))));
            }
            // Lines are written with their ends.
            Err(_) if line.last() != Some(&b'\n') => break,
            Err(error) => return Err(fails(error.to_string())),
        }
    }
    Ok(lines)
}

/// How much of a text is whole lines.
pub fn whole(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}
