//! Names and values as `name=value&name=value`, percent-encoded by RFC 3986.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with everything reserved in it encoded.
pub fn encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

/// Appends one pair.
pub fn push_pair(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push('&');
    }
    out.extend(utf8_percent_encode(name, RESERVED));
    out.push('=');
    out.extend(utf8_percent_encode(value, RESERVED));
}

/// A part of a form that is no pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

/// The pairs of a form. A name without `=` has an empty value; empty parts are skipped.
pub fn pairs(form: &[u8]) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Malformed>> {
    form.split(|b| *b == b'&').filter(|part| !part.is_empty()).map(|part| {
        let at = part.iter().position(|b| *b == b'=').unwrap_or(part.len());
        let (name, value) = part.split_at(at);
        let value = value.strip_prefix(b"=").unwrap_or(value);
        match (decode(name), decode(value)) {
            (Some(name), Some(value)) if !name.is_empty() => Ok((name, value)),
            _ => Err(Malformed(String::from_utf8_lossy(part).chars().take(80).collect())),
        }
    })
}

fn decode(text: &[u8]) -> Option<Cow<'_, str>> {
    if !text.iter().any(|b| matches!(b, b'%' | b'+')) {
        return std::str::from_utf8(text).ok().map(Cow::Borrowed);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                // Two hexadecimal digits are below 256.
                (high * 16 + low) as u8
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay_as_they_are() {
        let mut out = String::new();
        push_pair(&mut out, "A.1", "a-._~Z9 +&=%/é*");
        push_pair(&mut out, "b", "");
        assert_eq!(out, "A.1=a-._~Z9%20%2B%26%3D%25%2F%C3%A9%2A&b=");
    }

    #[test]
    fn what_is_no_pair_is_named() {
        let read = |form: &'static str| pairs(form.as_bytes()).collect::<Vec<_>>();
        let pair = |n: &'static str, v: &'static str| Ok((Cow::from(n), Cow::from(v)));
        assert_eq!(read("&a=1&&b&c=+%2b%C3%a9=&"), [pair("a", "1"), pair("b", ""), pair("c", " +é=")]);
        for bad in ["=1", "a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert_eq!(read(bad), [Err(Malformed(bad.into()))]);
        }
    }
}
