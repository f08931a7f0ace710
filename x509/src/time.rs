//! Times in certificates, CRLs and OCSP responses (RFC 5280, section 4.1.2.5).

use core::fmt;

use pki_types::UnixTime;

use super::der::{Element, GENERALIZED_TIME, UTC_TIME};

const SECONDS_OF_A_DAY: i64 = 86_400;

/// A time in seconds since 1970. It is negative for a time before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// How many seconds this is after another time: negative if it is before.
    pub fn seconds_after(self, other: impl Into<Self>) -> i64 {
        self.0.saturating_sub(other.into().0)
    }
}

impl From<UnixTime> for Timestamp {
    fn from(time: UnixTime) -> Self {
        Self(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    }
}

/// A time in which something is valid, from its first second to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: Timestamp,
    /// The last second, which is still valid (RFC 5280, section 4.1.2.5).
    pub not_after: Timestamp,
}

impl Validity {
    pub(super) const ALWAYS: Self =
        Self { not_before: Timestamp(i64::MIN), not_after: Timestamp(i64::MAX) };

    /// Whether it is valid at this time.
    pub fn contains(&self, time: impl Into<Timestamp>) -> bool {
        (self.not_before..=self.not_after).contains(&time.into())
    }

    /// The time in which both are valid. If there is none, it contains no time.
    pub fn and(self, other: Self) -> Self {
        Self {
            not_before: self.not_before.max(other.not_before),
            not_after: self.not_after.min(other.not_after),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) =
            (self.0.div_euclid(SECONDS_OF_A_DAY), self.0.rem_euclid(SECONDS_OF_A_DAY));
        let Some(Date { year, month, day }) = Date::from_days(days) else {
            return write!(f, "{} seconds after 1970", self.0);
        };
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let second = second % 60;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

/// A day of the Gregorian calendar, which is taken to have been in use since the year 0.
#[derive(Clone, Copy)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// The date so many days after 1970-01-01. `None` if its year does not have four digits.
    fn from_days(days: i64) -> Option<Self> {
        // The years begin in March here, so that a leap day is the last day of its year. 400
        // such years always have the same number of days, and so does each group of five months.
        let days = days.checked_add(DAYS_BEFORE_1970)?;
        let (cycle, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let is_of_next_year = month >= 10;
        let year = 400 * cycle + year + i64::from(is_of_next_year);
        let month = if is_of_next_year { month - 9 } else { month + 3 };
        (0..=9999).contains(&year).then_some(Self { year, month, day })
    }

    /// How many days after 1970-01-01 it is. `None` if there is no such day.
    fn days(self) -> Option<i64> {
        if self.day < 1 || self.day > days_of_month(self.year, self.month)? {
            return None;
        }
        let (year, month) = match self.month {
            1 | 2 => (self.year - 1, self.month + 9),
            _ => (self.year, self.month - 3),
        };
        let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day = 365 * year + year / 4 - year / 100 + (153 * month + 2) / 5 + self.day - 1;
        Some(DAYS_OF_400_YEARS * cycle + day - DAYS_BEFORE_1970)
    }
}

/// `None` if there is no such month.
fn days_of_month(year: i64, month: i64) -> Option<i64> {
    match month {
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        1..=12 => Some(31),
        _ => None,
    }
}

const DAYS_OF_400_YEARS: i64 = 146_097;
/// From the first of March of the year 0.
const DAYS_BEFORE_1970: i64 = 719_468;

/// The time of a UTCTime or a GeneralizedTime, in any of the forms that are in use: seconds may be
/// left out, a UTCTime may be of another time zone, and a GeneralizedTime may have fractions of a
/// second. [`has_required_form`] says whether it has the one form that certificates must have.
pub(super) fn read(element: &Element<'_>) -> Option<Timestamp> {
    let mut text = Text(element.contents);
    let year = match element.tag {
        UTC_TIME => match text.number(2)? {
            year @ 50.. => 1900 + year,
            year => 2000 + year,
        },
        GENERALIZED_TIME => text.number(4)?,
        _ => return None,
    };
    let (month, day) = (text.number(2)?, text.number(2)?);
    let (hour, minute) = (text.number(2)?, text.number(2)?);
    let second = if text.0 == b"Z" { 0 } else { text.number(2)? };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = if element.tag == UTC_TIME {
        text.offset()?
    } else {
        text.skip_fraction();
        if text.0 != b"Z" {
            return None;
        }
        0
    };
    let days = Date { year, month, day }.days()?;
    Some(Timestamp(SECONDS_OF_A_DAY * days + 3600 * hour + 60 * minute + second - offset))
}

/// As [`read`], but only for the [required form](has_required_form).
pub(super) fn read_strict(element: &Element<'_>) -> Option<Timestamp> {
    if has_required_form(element) { read(element) } else { None }
}

/// Whether it is a Time with seconds, without fractions, and in UTC (RFC 5280, sections 4.1.2.5.1
/// and 4.1.2.5.2).
pub(super) fn has_required_form(element: &Element<'_>) -> bool {
    let length = match element.tag {
        UTC_TIME => 12,
        GENERALIZED_TIME => 14,
        _ => return false,
    };
    let digits = element.contents.strip_suffix(b"Z").unwrap_or_default();
    digits.len() == length && digits.iter().all(u8::is_ascii_digit)
}

/// The rest of a time that is read from the front.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    /// The number in the next `length` digits.
    fn number(&mut self, length: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(length)?;
        let mut number = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = 10 * number + i64::from(digit - b'0');
        }
        self.0 = rest;
        Some(number)
    }

    /// How many seconds the time is ahead of UTC. Nothing may come after it.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0 {
            b"Z" => return Some(0),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.0 = self.0.get(1..)?;
        let (hours, minutes) = (self.number(2)?, self.number(2)?);
        let is_one = self.0.is_empty() && hours <= 23 && minutes <= 59;
        is_one.then_some(sign * (3600 * hours + 60 * minutes))
    }

    /// Skips a fraction of a second, of at most three digits.
    fn skip_fraction(&mut self) {
        let Some(fraction) = self.0.strip_prefix(b".") else { return };
        let digits = fraction.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = fraction.get(digits..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<Timestamp> {
        read(&Element { tag, contents: text.as_bytes(), whole: &[] })
    }

    #[test]
    fn times_read_well_at_every_end() {
        let show = |seconds| Timestamp(seconds).to_string();
        assert_eq!(show(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(show(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(show(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(show(253_402_300_799), "9999-12-31 23:59:59 UTC");
        assert_eq!(show(253_402_300_800), "253402300800 seconds after 1970");
        assert_eq!(show(-62_167_219_200), "0000-01-01 00:00:00 UTC");
        assert_eq!(show(-62_167_219_201), "-62167219201 seconds after 1970");
        assert_eq!(show(i64::MAX), "9223372036854775807 seconds after 1970");
        assert_eq!(show(i64::MIN), "-9223372036854775808 seconds after 1970");
    }

    #[test]
    fn every_day_of_four_hundred_years_follows_the_one_before() {
        let mut days = Date { year: 1900, month: 1, day: 1 }.days().unwrap();
        assert_eq!(days, -25_567);
        for year in 1900..2300 {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if is_leap { 29 } else { 28 };
            let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in (1..).zip(lengths) {
                for day in 1..=length {
                    let date = Date { year, month, day };
                    assert_eq!(date.days(), Some(days));
                    days += 1;
                }
                assert_eq!(Date { year, month, day: length + 1 }.days(), None);
            }
        }
        for (month, day) in [(0, 1), (13, 1), (1, 0), (1, 32)] {
            assert_eq!(Date { year: 2026, month, day }.days(), None);
        }
    }

    #[test]
    fn a_time_has_one_required_form_and_some_that_can_be_read() {
        for (tag, text, seconds, is_required) in [
            (UTC_TIME, "700101000000Z", 0, true),
            (UTC_TIME, "500101000000Z", -631_152_000, true),
            (UTC_TIME, "491231235959Z", 2_524_607_999, true),
            (UTC_TIME, "7001010001Z", 60, false),
            (UTC_TIME, "700101010000+0100", 0, false),
            (UTC_TIME, "700101000000-0130", 5_400, false),
            (GENERALIZED_TIME, "19700101000001Z", 1, true),
            (GENERALIZED_TIME, "99991231235959Z", 253_402_300_799, true),
            (GENERALIZED_TIME, "00000101000000Z", -62_167_219_200, true),
            (GENERALIZED_TIME, "197001010001Z", 60, false),
            (GENERALIZED_TIME, "19700101000001.5Z", 1, false),
            (GENERALIZED_TIME, "19700101000001.999Z", 1, false),
        ] {
            let element = Element { tag, contents: text.as_bytes(), whole: &[] };
            assert_eq!(read(&element), Some(Timestamp(seconds)), "{text}");
            assert_eq!(has_required_form(&element), is_required, "{text}");
            assert_eq!(read_strict(&element).is_some(), is_required, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "Z",
            "700101Z",
            "70010100Z",
            "700101000000",
            "700101000000z",
            "700101000000Z ",
            "700101240000Z",
            "700101006000Z",
            "700101000060Z",
            "700132000000Z",
            "700229000000Z",
            "700001000000Z",
            "70010100000+Z",
            "700101000000.5Z",
            "700101000000+01",
            "700101000000+0060",
            "700101000000+2400",
            "7001010000+0100",
            "19700101000000Z",
        ] {
            assert_eq!(time(UTC_TIME, text), None, "{text}");
        }
        for text in [
            "700101000000Z",
            "19700101000000",
            "19700101000000+0000",
            "19700101000000,5Z",
            "19700101000000.0000Z",
            "197001010000.5Z",
            "19000229000000Z",
        ] {
            assert_eq!(time(GENERALIZED_TIME, text), None, "{text}");
        }
        assert_eq!(time(0x97, "700101000000Z"), None, "another tag");
    }
}
