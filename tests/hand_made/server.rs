//! HTTP, and the form of requests and answers, of the hand-made server: everything that is not about the cloud.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};
use url::form_urlencoded;

use super::cloud::{Cloud, Mistake, Refused};

/// The most that a request may hold.
const MOST: usize = 1 << 20;

/// A server on a free port. It lives as long as the test process.
pub fn start(mistake: Option<Mistake>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cloud = Arc::new(Mutex::new(Cloud::new(mistake)));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let cloud = cloud.clone();
            thread::spawn(move || serve(stream, &cloud));
        }
    });
    url
}

/// The parameters of a request, from its query and its form.
type Parameters = BTreeMap<String, String>;

/// Answers the requests of one connection, until it ends.
fn serve(stream: TcpStream, cloud: &Mutex<Cloud>) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(parameters) = read(&mut reader) {
        let (status, body) = answer(&mut cloud.lock().unwrap(), &parameters);
        let body = body.to_string();
        let head = "Content-Type: application/json;charset=utf-8";
        let answer = format!("HTTP/1.1 {status} -\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The parameters of the next request; none when there is none.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Parameters> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split_whitespace().nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; Some(length).filter(|l| *l <= MOST)?];
    reader.read_exact(&mut body).ok()?;
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = [query.as_bytes(), &body].into_iter().flat_map(form_urlencoded::parse);
    Some(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

/// What is no parameter of an operation: it says who asks, and how.
const ENVELOPE: [&str; 12] = [
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "SignatureType",
    "Timestamp",
    "SecurityToken",
    "BearerToken",
];

fn answer(cloud: &mut Cloud, parameters: &Parameters) -> (u16, Value) {
    let named = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let business = parameters.iter().filter(|(name, _)| !ENVELOPE.contains(&name.as_str()));
    let business: Parameters = business.map(|(n, v)| (n.clone(), v.clone())).collect();
    let outcome = cloud.answer(named("Action"), named("Version"), &business);
    let id = request_id(cloud);
    match outcome {
        Ok(mut body) => {
            if cloud.wrong != Some(Mistake::NoRequestId) {
                body.insert("RequestId".into(), id.into());
            }
            (200, Value::Object(body))
        }
        Err(Refused { status, code, message }) => {
            let mut body = json!({
                "RequestId": id,
                "HostId": "vpc.cn-hangzhou.aliyuncs.com",
                "Code": code,
                "Message": message,
                "Recommend": format!("https://next.api.aliyun.com/troubleshoot?q={code}&product=Vpc"),
            });
            if cloud.wrong == Some(Mistake::NoErrorCode) {
                body.as_object_mut().unwrap().remove("Code");
            }
            (status, body)
        }
    }
}

/// A UUID in capital letters, another one each time.
fn request_id(cloud: &mut Cloud) -> String {
    let number = cloud.number();
    let number = if cloud.wrong == Some(Mistake::RepeatedRequestId) { number / 20 } else { number };
    format!("0ED8D006-F706-4D23-88ED-{number:012X}")
}
