//! Any bytes as a request: reading them never panics, what can be read is written in a form that reads the same, and
//! there is always a way to answer.
//!
//! An input is written like an HTTP request: a line with the method and the query, a line for each header, an empty
//! line, and the body.

use eipcheck::{
    spec::law::Law,
    wire::{self, http::HttpRequest},
};

/// Checks one input.
pub fn check(law: &Law, input: &[u8]) {
    let Some(request) = parse(input) else { return };
    let style = wire::style(law, &request);
    assert!(!wire::answer_type(law, &style).is_empty());
    let read = match wire::decode_request(law, &request) {
        Ok(read) => read,
        // A fault is as good as a request here, but it must be possible to say it.
        Err(fault) => {
            let said = fault.to_string();
            assert!(!said.is_empty());
            assert!(!wire::encode_error(law, &style, "id", "Code", &said).is_empty());
            return;
        }
    };
    let written = wire::encode_request(law, &read);
    let body = written.clone().into_bytes().into();
    let again = HttpRequest { method: "POST", query: String::new(), headers: Vec::new(), body };
    assert_eq!(wire::decode_request(law, &again), Ok(read), "written as {written}");
}

/// The request that an input is; none if its head is not UTF-8.
pub fn parse(input: &[u8]) -> Option<HttpRequest> {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let body = input.get(end + 2..).unwrap_or_default().to_vec().into();
    let mut lines = std::str::from_utf8(&input[..end]).ok()?.split('\n');
    let first = lines.next().unwrap_or_default();
    let (method, query) = match first.split_once(' ') {
        Some(("GET", query)) => ("GET", query),
        Some(("POST", query)) => ("POST", query),
        _ => ("POST", first),
    };
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(HttpRequest { method, query: query.to_owned(), headers, body })
}
