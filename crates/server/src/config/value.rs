//! Values of settings: how they are read, and how they are written down again.

use std::time::Duration;

use figment::value::{Num, Value};

/// What a setting can hold.
pub(super) trait Setting: Sized {
    /// What to write, for those who wrote something else.
    const EXPECTED: &'static str;

    fn read(value: &Value) -> Option<Self>;

    /// The value as TOML.
    fn render(&self) -> String;
}

impl Setting for Duration {
    const EXPECTED: &'static str = "a duration such as \"500ms\", \"60s\", \"10m\", \"24h\" or \"30d\"";

    fn read(value: &Value) -> Option<Self> {
        let span = humantime::parse_duration(value.as_str()?).ok()?;
        (span <= LONGEST).then_some(span)
    }

    fn render(&self) -> String {
        quoted(&in_words(*self))
    }
}

impl Setting for String {
    const EXPECTED: &'static str = "text in quotes";

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(Into::into)
    }

    fn render(&self) -> String {
        quoted(self)
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Value) -> Option<Self> {
        value.to_bool()
    }

    fn render(&self) -> String {
        self.to_string()
    }
}

impl Setting for f64 {
    const EXPECTED: &'static str = "a number such as 0.5";

    fn read(value: &Value) -> Option<Self> {
        let num = value.to_num()?;
        num.to_f64().or_else(|| whole(num).and_then(|n| u32::try_from(n).ok()).map(Self::from))
    }

    fn render(&self) -> String {
        format!("{self:?}")
    }
}

impl Setting for Vec<String> {
    const EXPECTED: &'static str = "a list of texts such as [\"one\", \"two\"]";

    fn read(value: &Value) -> Option<Self> {
        list(value)
    }

    fn render(&self) -> String {
        bracketed(self)
    }
}

impl Setting for Vec<Duration> {
    const EXPECTED: &'static str = "a list of durations such as [\"1m\", \"5m\"]";

    fn read(value: &Value) -> Option<Self> {
        list(value)
    }

    fn render(&self) -> String {
        bracketed(self)
    }
}

macro_rules! whole_number {
    ($($type:ty, $expected:literal;)*) => { $(
        impl Setting for $type {
            const EXPECTED: &'static str = $expected;

            fn read(value: &Value) -> Option<Self> {
                value.to_num().and_then(whole).and_then(|n| n.try_into().ok())
            }

            fn render(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

whole_number! {
    u8, "a whole number from 0 to 255";
    u16, "a whole number from 0 to 65535";
    u32, "a whole number from 0 to 4294967295";
    u64, "a whole number that is not negative";
    usize, "a whole number that is not negative";
}

/// The value as a word or two, for a sentence.
pub(super) fn described(value: &Value) -> String {
    match value {
        Value::String(_, text) => shortened(text),
        Value::Char(_, char) => shortened(&char.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, num) => number(*num),
        Value::Empty(..) => "nothing".into(),
        Value::Dict(..) => "a table".into(),
        Value::Array(..) => "a list".into(),
    }
}

/// Text as TOML writes it: JSON's escapes are a part of TOML's.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Time beyond this is a slip of the pen, and would overflow somewhere.
const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

/// The most characters of a value that a sentence quotes.
const QUOTED: usize = 60;

fn in_words(span: Duration) -> String {
    /// Microseconds of a unit, and how many of them it takes until it is used: people write 24h and 60s.
    const UNITS: [(u128, u128, &str); 6] = [
        (86_400_000_000, 2, "d"),
        (3_600_000_000, 1, "h"),
        (60_000_000, 2, "m"),
        (1_000_000, 1, "s"),
        (1_000, 1, "ms"),
        (1, 1, "us"),
    ];
    let micros = span.as_micros();
    let fits =
        |(unit, least, _): &&(u128, u128, &str)| micros.is_multiple_of(*unit) && micros >= unit * least;
    match UNITS.iter().find(fits) {
        Some((unit, _, name)) => format!("{}{name}", micros / unit),
        None => "0s".into(),
    }
}

fn list<T: Setting>(value: &Value) -> Option<Vec<T>> {
    value.as_array()?.iter().map(T::read).collect()
}

fn bracketed<T: Setting>(values: &[T]) -> String {
    format!("[{}]", values.iter().map(Setting::render).collect::<Vec<_>>().join(", "))
}

fn whole(num: Num) -> Option<u128> {
    num.to_u128().or_else(|| num.to_i128().and_then(|n| n.try_into().ok()))
}

fn number(num: Num) -> String {
    let whole = num.to_u128().map(|n| n.to_string()).or_else(|| num.to_i128().map(|n| n.to_string()));
    whole.or_else(|| num.to_f64().map(|n| n.to_string())).unwrap_or_else(|| "a number".into())
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(QUOTED).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    quoted(&format!("{short}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        let check = |seconds: f64, expect: &str| {
            let span = Duration::from_secs_f64(seconds);
            assert_eq!(in_words(span), expect);
            assert_eq!(Duration::read(&Value::from(expect)), Some(span));
        };
        check(0.0, "0s");
        check(0.5, "500ms");
        check(1.0, "1s");
        check(3600.0, "1h");
        check(60.0, "60s");
        check(600.0, "10m");
        check(86_400.0, "24h");
        check(86_400.0 * 30.0, "30d");
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for bad in ["", "5", "soon", "-1s", "1000y"] {
            assert_eq!(Duration::read(&Value::from(bad)), None, "{bad}");
        }
        assert_eq!(Duration::read(&Value::from(5)), None);
    }

    #[test]
    fn whole_numbers_keep_their_bounds() {
        assert_eq!(u8::read(&Value::from(255)), Some(255));
        assert_eq!(u8::read(&Value::from(256)), None);
        assert_eq!(u64::read(&Value::from(-1)), None);
        assert_eq!(u64::read(&Value::from(1.5)), None);
        assert_eq!(f64::read(&Value::from(1)), Some(1.0));
    }
}
