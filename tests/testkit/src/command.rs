//! Owns the shape of an AT command line: its commands, and what kind each is.

/// One command of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// Upper case, with its sign and without what follows: `+QGDCNT`, `E0`, or empty for a bare `AT`.
    pub(crate) name: String,
    pub(crate) form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `AT+X`
    Execute,
    /// `AT+X?`
    Read,
    /// `AT+X=?`
    Test,
    /// `AT+X=…`
    Set(String),
}

impl At {
    /// The commands of a line, or `None` when it does not start with `AT` (a modem then stays silent).
    pub(crate) fn line(line: &str) -> Option<Vec<At>> {
        let line = line.trim();
        let (prefix, body) = line.split_at_checked(2)?;
        prefix
            .eq_ignore_ascii_case("AT")
            .then(|| split_outside_quotes(body).map(At::one).collect())
    }

    fn one(text: &str) -> At {
        let text = text.trim();
        let (name, form) = if let Some(name) = text.strip_suffix("=?") {
            (name, Form::Test)
        } else if let Some((name, value)) = text.split_once('=') {
            (name, Form::Set(value.trim().to_owned()))
        } else if let Some(name) = text.strip_suffix('?') {
            (name, Form::Read)
        } else {
            (text, Form::Execute)
        };
        At {
            name: name.to_ascii_uppercase(),
            form,
        }
    }
}

fn split_outside_quotes(body: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    body.split(move |character| {
        quoted ^= character == '"';
        character == ';' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_hold_several_commands() {
        let line = At::line("ate0;+cmee=2;+CGDCONT=1,\"IP\",\"a;b\";+X=?;+Y?").unwrap();
        let names: Vec<&str> = line.iter().map(|at| at.name.as_str()).collect();
        assert_eq!(names, ["E0", "+CMEE", "+CGDCONT", "+X", "+Y"]);
        assert_eq!(line[2].form, Form::Set("1,\"IP\",\"a;b\"".to_owned()));
        assert_eq!(line[3].form, Form::Test);
        assert_eq!(line[4].form, Form::Read);
    }

    #[test]
    fn what_is_no_command_is_ignored() {
        assert_eq!(At::line("hello"), None);
        assert_eq!(At::line("A"), None);
        assert_eq!(At::line("AT").unwrap().len(), 1);
    }
}
