//! Moments as signatures write them: `2026-06-19T08:00:00Z`.

use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;

/// A moment in whole seconds. What lies before 1970 or after the year 9999 is not written.
pub fn format(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    (year <= 9999).then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Reads a moment that is written exactly so.
pub fn parse(text: &str) -> Option<SystemTime> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if separators.iter().any(|(at, separator)| bytes[*at] != *separator) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = &bytes[from..to];
        let digit = |number: u64, b: &u8| b.is_ascii_digit().then(|| number * 10 + u64::from(b - b'0'));
        digits.iter().try_fold(0, digit)
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day);
    // A day that its month does not have would come out in the next month.
    if date(days) != (year, month, day) {
        return None;
    }
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * DAY + hour * 3600 + minute * 60 + second))
}

/// Days from the beginning of 1970, counted in years that begin in March, so that the leap day comes last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.max(1) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// The year, month and day of so many days from the beginning of 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_as_it_was_written() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_440_938_160, "2015-08-30T12:36:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(format(time).as_deref(), Some(text));
            assert_eq!(parse(text), Some(time), "{text}");
        }
        assert_eq!(format(SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800)), None);
    }

    #[test]
    fn what_is_no_moment_is_not_read() {
        for text in [
            "",
            "2026-06-19T08:00:00",
            "2026-06-19 08:00:00Z",
            "2026-06-19T08:00:00z",
            "2026-02-29T08:00:00Z",
            "2026-06-00T08:00:00Z",
            "2026-13-19T08:00:00Z",
            "2026-06-19T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-06-19T08:00:00Z",
            "2026-06-19T08:00:0éZ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
