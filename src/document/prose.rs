//! What sentences say: the word by which one looks like a rule, and the defaults, values and limits in descriptions.
//!
//! Descriptions are written by people for people, so this knows the few ways in which the providers put these things. What
//! it takes for a default must be a value that the parameter can have; so "Default: the service selects one" says
//! nothing. Imports nothing of the crate but its neighbours.

use std::sync::LazyLock;

use regex::Regex;

use super::{Kind, Member};

/// Words by which a sentence looks like a rule. The first of them that stands in a text, as a word, counts.
const RULE_WORDS: &[&str] = &[
    "must",
    "cannot",
    "can't",
    "can only",
    "can be",
    "could not",
    "may not",
    "not allowed",
    "not allow",
    "allowed",
    "only",
    "while",
    "until",
    "unless",
    "before",
    "after",
    "at the end",
    "at least",
    "at most",
    "up to",
    "maximum",
    "minimum",
    "idempotent",
    "idempotence",
    "idempotency",
    "asynchronous",
    "required",
    "unique",
    "automatically",
    "does not",
    "doesn't",
    "do not",
    "don't",
    "not support",
    "not supported",
    "not yet",
    "error",
    "fails",
    "failed",
    "otherwise",
    "instead",
    "forcefully",
    "valid values",
    "default",
    "defaults",
];

/// Texts that say which value an absent parameter stands for; the value is the first group.
static DEFAULTS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let ways = [
        r"(?i)\bdefault value is:? [`'\x22]?([\w.-]+)",
        r"(?i)\bdefault value: [`'\x22]?([\w.-]+)",
        r"(?i)\bdefaults? to [`'\x22]?([\w.-]+)",
        r"(?i)\bdefault is [`'\x22]?([\w.-]+)",
        r"(?i)\bdefault: [`'\x22]?([\w.-]+)",
        r"(?i)^([\w.-]+) ?\(default\)",
    ];
    ways.iter().map(|way| known(way)).collect()
});

/// An item of a list of values.
static VALUE: LazyLock<Regex> =
    LazyLock::new(|| known(r"^([A-Za-z0-9][\w.-]*)(?: ?\(default\))?(?: ?[:.;,].*| - .*)?$"));

/// The end of a sentence that introduces such a list.
static VALUES_FOLLOW: LazyLock<Regex> = LazyLock::new(|| known(r"(?i)\bvalid values?:$"));

/// Valid values that stand in the sentence itself, with bars.
static VALUES_INLINE: LazyLock<Regex> = LazyLock::new(|| known(r"(?i)\bvalid values?: ([\w.-]+(?: ?\| ?[\w.-]+)+)"));

/// A range of numbers.
static RANGE: LazyLock<Regex> =
    LazyLock::new(|| known(r"(?i)\bvalid (?:values?|range)(?: is|:| are)? (-?\d+) ?(?:to|-|–) ?(-?\d+)\b"));

/// A range of numbers that ends with something which the text does not know.
static LEAST: LazyLock<Regex> = LazyLock::new(|| known(r"(?i)\bbetween (-?\d+) and (?:the|your) "));

/// How many characters there may be.
static LONGEST: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let ways = [
        r"(?i)\bmaximum(?: of)? (\d+) (?:ASCII )?characters",
        r"(?i)\bup to (\d+) (?:ASCII )?characters",
        r"(?i)\b\d+ to (\d+) (?:ASCII )?characters",
        r"(?i)\b(?:longer than|exceed) (\d+) (?:ASCII )?characters",
    ];
    ways.iter().map(|way| known(way)).collect()
});

/// A pattern that stands in the sources of this room.
pub(super) fn known(pattern: &str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(_) => unreachable!("the patterns are constants, and the tests use each of them"),
    }
}

/// The word by which a text looks like a rule, if it does.
pub fn rule_word(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|w| !w.is_empty()).collect();
    let stands = |wanted: &str| {
        let wanted: Vec<&str> = wanted.split(' ').collect();
        words.windows(wanted.len()).any(|w| w == wanted)
    };
    RULE_WORDS.iter().copied().find(|wanted| stands(wanted))
}

/// Takes from the paragraphs of a description what they say of the value: each paragraph with a mark whether it is an
/// item of a list. What a table says already stays as it is.
pub(super) fn read(member: &mut Member, paragraphs: &[(bool, String)]) {
    let scalar = match &member.kind {
        Kind::List(Some(of)) => (**of).clone(),
        kind => kind.clone(),
    };
    if scalar == Kind::String && member.values.is_empty() {
        member.values = values(paragraphs);
    }
    let texts = || paragraphs.iter().map(|(_, text)| text.as_str());
    if scalar == Kind::Integer && member.min.is_none() && member.max.is_none() {
        if let Some(found) = texts().find_map(|text| RANGE.captures(text)) {
            (member.min, member.max) = (found[1].parse().ok(), found[2].parse().ok());
        } else if let Some(found) = texts().find_map(|text| LEAST.captures(text)) {
            member.min = found[1].parse().ok();
        }
    }
    if scalar == Kind::String && member.longest.is_none() && member.values.is_empty() {
        let found = texts().find_map(|text| LONGEST.iter().find_map(|way| way.captures(text)));
        member.longest = found.and_then(|found| found[1].parse().ok());
    }
    if member.default.is_none() && !matches!(member.kind, Kind::List(_)) {
        let fitting = |value: &str| match scalar {
            // As a number is written: `007` is 7.
            Kind::Integer => value.parse::<i64>().ok().map(|number| number.to_string()),
            Kind::Boolean => matches!(value, "true" | "false").then(|| value.to_owned()),
            Kind::String => member.values.iter().find(|v| *v == value).cloned(),
            _ => None,
        };
        let candidates = texts().flat_map(|text| DEFAULTS.iter().filter_map(|way| way.captures(text)));
        let mut candidates = candidates.map(|found| found[1].trim_end_matches(['.', '-']).to_owned());
        member.default = candidates.find_map(|value| fitting(&value));
    }
}

/// The values that a list in the description enumerates.
fn values(paragraphs: &[(bool, String)]) -> Vec<String> {
    if let Some(found) = paragraphs.iter().find_map(|(_, text)| VALUES_INLINE.captures(text)) {
        return found[1].split('|').map(|value| value.trim().to_owned()).collect();
    }
    let Some(start) = paragraphs.iter().position(|(_, text)| VALUES_FOLLOW.is_match(text)) else { return Vec::new() };
    let items = paragraphs[start + 1..].iter().take_while(|(item, _)| *item);
    items.filter_map(|(_, text)| VALUE.captures(text)).map(|found| found[1].to_owned()).collect()
}

/// A text without the marks of Markdown and reStructuredText, and with single spaces.
///
/// Marks that stand between letters are kept: `door_id` and `2*3` are no marks.
pub(super) fn plain(text: &str) -> String {
    static LINKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        vec![
            (known(r"`([^`<]*?)\s*<[^`>]*>`_{1,2}"), "$1"),         // `text <url>`__
            (known(r":[a-z:]+:`([^`<]*?)\s*(?:<[^`>]*>)?`"), "$1"), // :doc:`text <place>`
            (known(r"\[([^\]]*)\]\(~~[^)]*~~\)"), "$1"),            // [text](~~36063~~)
            (known(r"\[([^\]]*)\]\(https?:[^)]*\)"), "$1"),
            (known(r"\*\*([^*]+)\*\*"), "$1"),
            (known(r"``([^`]+)``"), "$1"),
            (known(r"`([^`]+)`"), "$1"),
            (known(r"(^|[\s(])\*([^*\s][^*]*)\*"), "$1$2"),
            (known(r"\\([\\_*>])"), "$1"),
        ]
    });
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (mark, kept) in LINKS.iter() {
        if let std::borrow::Cow::Owned(changed) = mark.replace_all(&text, *kept) {
            text = changed;
        }
    }
    text.trim().to_owned()
}

/// The paragraphs as one text.
pub(super) fn joined(paragraphs: &[(bool, String)]) -> String {
    paragraphs.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::At;

    fn read_of(kind: Kind, paragraphs: &[(bool, &str)]) -> Member {
        let mut member = Member::new("Size", kind, At::Line(1));
        let paragraphs: Vec<_> = paragraphs.iter().map(|(item, text)| (*item, (*text).to_owned())).collect();
        read(&mut member, &paragraphs);
        member
    }

    #[test]
    fn a_sentence_looks_like_a_rule_by_its_words_and_not_by_parts_of_words() {
        assert_eq!(rule_word("A locker cannot be opened."), Some("cannot"));
        assert_eq!(rule_word("It doesn’t open."), Some("doesn't"));
        assert_eq!(rule_word("The opening is asynchronous."), Some("asynchronous"));
        assert_eq!(rule_word("The mustard is in the commonly used locker."), None);
        assert_eq!(rule_word("The size of the locker."), None);
    }

    #[test]
    fn a_default_is_a_value_that_the_parameter_can_have() {
        let of = |kind, text| read_of(kind, &[(false, text)]).default;
        assert_eq!(of(Kind::Integer, "The default value is 350 seconds."), Some("350".into()));
        assert_eq!(of(Kind::Integer, "Default value: 10."), Some("10".into()));
        assert_eq!(of(Kind::Integer, "Defaults to 7."), Some("7".into()));
        assert_eq!(of(Kind::Integer, "Defaults to 007."), Some("7".into()));
        assert_eq!(of(Kind::Boolean, "The default is false."), Some("false".into()));
        assert_eq!(of(Kind::Boolean, "Default: true"), Some("true".into()));
        assert_eq!(of(Kind::Integer, "Default: the service selects one."), None);
        assert_eq!(of(Kind::String, "Default: anything"), None);
    }

    #[test]
    fn values_are_the_items_of_a_list_that_is_announced() {
        let intro = (false, "The kind. Valid values:");
        let member =
            read_of(Kind::String, &[intro, (true, "Small (default): a small one."), (true, "Large"), (false, "No.")]);
        assert_eq!(member.values, ["Small", "Large"]);
        assert_eq!(member.default, Some("Small".into()));
        assert_eq!(read_of(Kind::String, &[(false, "Valid values: a | b")]).values, ["a", "b"]);
        assert_eq!(read_of(Kind::String, &[(false, "One of:"), (true, "Large")]).values, [""; 0]);
    }

    #[test]
    fn ranges_and_lengths_are_numbers_in_known_sentences() {
        let member = read_of(Kind::Integer, &[(false, "Valid values: 1 to 100. Default value: 10.")]);
        assert_eq!((member.min, member.max, member.default), (Some(1), Some(100), Some("10".into())));
        let member = read_of(Kind::Integer, &[(false, "Between 1 and the quota of the account.")]);
        assert_eq!((member.min, member.max), (Some(1), None));
        for text in [
            "Maximum 64 ASCII characters.",
            "It can be up to 64 characters.",
            "It is 1 to 64 characters long.",
            "It cannot be longer than 64 characters.",
        ] {
            assert_eq!(read_of(Kind::String, &[(false, text)]).longest, Some(64), "{text}");
        }
    }

    #[test]
    fn marks_of_layout_are_taken_off() {
        for (marked, bare) in [
            ("See `the  guide <https://x.example/a#b>`__ in *the Book*.", "See the guide in the Book."),
            ("``Open`` the [list](~~36063~~) of **all** `ids`.", "Open the list of all ids."),
            ("a_b and 2*3*4", "a_b and 2*3*4"),
        ] {
            assert_eq!(plain(marked), bare);
        }
    }
}
