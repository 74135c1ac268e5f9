//! Reading the daemon's records: a key of another type than the contract's is
//! an error, never quietly unknown.

use zbus::Variant;

use super::failure::Failure;
use super::proxy::Dict;

/// One record, its keys in `snake_case`.
#[derive(Debug, Default)]
pub(super) struct Record(Dict);

/// What a key's value can be read as.
pub(super) trait Field: Sized {
    /// Reads it; `None` where it is absent.
    fn read(record: &Record, key: &str) -> Result<Option<Self>, Failure>;
}

impl Record {
    /// A record as a method or signal gave it.
    pub(super) fn new(dict: Dict) -> Self {
        Self(dict)
    }

    /// An interface's properties: `RxBytes` is read as `rx_bytes`.
    pub(super) fn of_properties(dict: Dict) -> Self {
        Self(dict.into_iter().map(|(name, value)| (snake_case(&name), value)).collect())
    }

    /// True where nothing at all is known.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn read<T>(
        &self,
        key: &str,
        read: impl Fn(&Variant<'_>) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| {
            Failure::Misunderstood(format!(
                "{key} has the D-Bus type \"{}\"",
                value.value_signature()
            ))
        })
    }
}

/// `Field` for what D-Bus has a type for.
macro_rules! plain_field {
    ($($rust:ty, $variant:pat => $value:expr;)*) => {$(
        impl Field for $rust {
            fn read(record: &Record, key: &str) -> Result<Option<Self>, Failure> {
                record.read(key, |value| if let $variant = value { Some($value) } else { None })
            }
        }
    )*};
}

plain_field! {
    u64, Variant::U64(number) => *number;
    i64, Variant::I64(number) => *number;
    u32, Variant::U32(number) => *number;
    bool, Variant::Bool(flag) => *flag;
    String, Variant::Str(text) => text.to_string();
}

/// `as`.
impl Field for Vec<String> {
    fn read(record: &Record, key: &str) -> Result<Option<Self>, Failure> {
        let word = |value: &Variant<'_>| {
            if let Variant::Str(word) = value { Some(word.to_string()) } else { None }
        };
        record.read(key, |value| {
            let Variant::Array(words) = value else { return None };
            words.inner().iter().map(word).collect()
        })
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_names_become_keys() {
        for (name, key) in [
            ("RxBytes", "rx_bytes"),
            ("AsOf", "as_of"),
            ("HomeRxBytes", "home_rx_bytes"),
            ("Iccid", "iccid"),
        ] {
            assert_eq!(snake_case(name), key);
        }
    }

    #[test]
    fn a_key_of_another_type_is_an_error_and_an_absent_one_unknown() {
        let value = zbus::OwnedVariant::try_from(Variant::from("12")).unwrap();
        let record = Record::new(Dict::from([("rx_bytes".to_owned(), value)]));
        assert!(u64::read(&record, "tx_bytes").unwrap().is_none());
        let error = u64::read(&record, "rx_bytes").unwrap_err().to_string();
        assert!(error.contains("rx_bytes has the D-Bus type \"s\""), "{error}");
    }

    #[test]
    fn a_number_that_is_no_time_is_an_error() {
        let value = zbus::OwnedVariant::try_from(Variant::from(u64::MAX)).unwrap();
        let record = Record::new(Dict::from([("as_of".to_owned(), value)]));
        assert!(super::super::model::Instant::read(&record, "as_of").is_err());
    }
}
