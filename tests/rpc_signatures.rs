//! The two signatures of the RPC protocol: recorded requests of real clients, published examples, and what a server
//! makes of requests that are signed wrongly.

use std::time::{Duration, SystemTime};

use eipcheck::{
    spec::{Law, SpecSource, file::Protocol, law::ProductIx, load},
    wire::{
        form,
        http::HttpRequest,
        sign::{Credentials, Manner, Method, Sending, Signer, Stamp, acs3, rpc_v1, stamp},
        verify::{SignatureFault, Verifier},
    },
};
use url::Url;

const KEY: &str = "testAccessKeyId0001";
const SECRET: &str = "testAccessKeySecret0001";
const HOST: &str = "127.0.0.1:18328";
const WHEN: &str = "2026-06-19T08:00:00Z";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NONCE: &str = "3156853299f313e23d1673dc12e1703d";

fn request(method: &'static str, query: &str, headers: &[(&str, &str)], body: &str) -> HttpRequest {
    HttpRequest {
        method,
        query: query.into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: body.to_owned().into(),
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// V1: the older Python client, everything in the query of a `GET`, an empty type of signature among it.
const V1: &str = "AllocationId=eip-2zeerraiwb7uj6i0d0001&InstanceId=i-hp3akk9irtd69jad0001&Force=False\
    &ClientToken=tok-~%2A%2B%20%25%2F%3D%26%C3%A9&Version=2016-04-28&Action=UnassociateEipAddress&Format=JSON\
    &RegionId=cn-hangzhou&Timestamp=2026-06-19T08%3A00%3A00Z&SignatureMethod=HMAC-SHA1&SignatureType=\
    &SignatureVersion=1.0&SignatureNonce=15215528852396&AccessKeyId=testAccessKeyId0001\
    &Signature=wbmjRWNPzO07ggHkXoI7YwutgLo%3D";
const V1_TO_SIGN: &str = "GET&%2F&AccessKeyId%3DtestAccessKeyId0001%26Action%3DUnassociateEipAddress\
    %26AllocationId%3Deip-2zeerraiwb7uj6i0d0001%26ClientToken%3Dtok-~%252A%252B%2520%2525%252F%253D%2526%25C3%25A9\
    %26Force%3DFalse%26Format%3DJSON%26InstanceId%3Di-hp3akk9irtd69jad0001%26RegionId%3Dcn-hangzhou\
    %26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D15215528852396%26SignatureType%3D%26SignatureVersion%3D1.0\
    %26Timestamp%3D2026-06-19T08%253A00%253A00Z%26Version%3D2016-04-28";

/// V2: the newer Python client in its older mode: a `POST` with everything in the query, a plus for a space.
const V2: &str = "Action=UnassociateEipAddress&Format=json&Version=2016-04-28&Timestamp=2026-06-19T08%3A00%3A00Z\
    &SignatureNonce=3156853299f313e23d1673dc12e1703d&AllocationId=eip-2zeerraiwb7uj6i0d0001\
    &ClientToken=tok-~%2A%2B+%25%2F%3D%26%C3%A9&Force=False&InstanceId=i-hp3akk9irtd69jad0001&InstanceType=EcsInstance\
    &RegionId=cn-hangzhou&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&AccessKeyId=testAccessKeyId0001";

/// V3: the same with the operation's parameters in the form.
const V3: &str = "Action=UnassociateEipAddress&Format=json&Version=2016-04-28&Timestamp=2026-06-19T08%3A00%3A00Z\
    &SignatureNonce=3156853299f313e23d1673dc12e1703d&RegionId=cn-hangzhou&SignatureMethod=HMAC-SHA1\
    &SignatureVersion=1.0&AccessKeyId=testAccessKeyId0001&Signature=idHIvPo7nTsOdOK2nXaQD%2BSZgi0%3D";
const V3_BODY: &str = "AllocationId=eip-2zeerraiwb7uj6i0d0001&ClientToken=a+b%2A&Force=True";

/// V4: the older Node client, everything in the form.
const V4: &str = "AccessKeyId=testAccessKeyId0001&Action=UnassociateEipAddress&AllocationId=eip-2zeerraiwb7uj6i0d0001\
    &ClientToken=tok-~%2A%2B%20%25%2F%3D%26%C3%A9%21%27%28%29&Force=false&Format=JSON\
    &InstanceId=i-hp3akk9irtd69jad0001&InstanceType=EcsInstance&RegionId=cn-hangzhou&SignatureMethod=HMAC-SHA1\
    &SignatureNonce=62ee037c6336b61fdafcf15dffe2e01b&SignatureVersion=1.0&Timestamp=2026-06-19T08%3A00%3A00Z\
    &Version=2016-04-28&Signature=I1Hitj8uWD5krRjNvSOoHApb27I%3D";

fn in_older_mode(signature: &str, more: &str) -> HttpRequest {
    request("POST", &format!("{V2}{more}&Signature={}", form::encode(signature)), &[FORM], "")
}

/// Requests with a signature among their parameters.
fn by_parameters() -> Vec<(&'static str, HttpRequest, &'static str)> {
    let token = "&SecurityToken=testStsToken%2F%2B%3D%3D";
    vec![
        ("V1", request("GET", V1, &[], ""), "wbmjRWNPzO07ggHkXoI7YwutgLo="),
        ("V2", in_older_mode("rWWar8Wdp6tDrIerUoTe4lRuNM4=", ""), "rWWar8Wdp6tDrIerUoTe4lRuNM4="),
        ("V2 with a token", in_older_mode("WrqlWPPp0TH++q7BVLarxYVOgvE=", token), "WrqlWPPp0TH++q7BVLarxYVOgvE="),
        ("V3", request("POST", V3, &[FORM], V3_BODY), "idHIvPo7nTsOdOK2nXaQD+SZgi0="),
        ("V4", request("POST", "", &[FORM], V4), "I1Hitj8uWD5krRjNvSOoHApb27I="),
    ]
}

const V5_QUERY: &str = "AllocationId=eip-2zeerraiwb7uj6i0d0001&ClientToken=tok-~%2A%2B+%25%2F%3D%26%C3%A9&Force=False\
    &InstanceId=i-hp3akk9irtd69jad0001&InstanceType=EcsInstance&RegionId=cn-hangzhou";
const V5_CANONICAL: &str = "POST\n/\n\
    AllocationId=eip-2zeerraiwb7uj6i0d0001&ClientToken=tok-~%2A%2B%20%25%2F%3D%26%C3%A9&Force=False\
    &InstanceId=i-hp3akk9irtd69jad0001&InstanceType=EcsInstance&RegionId=cn-hangzhou\n\
    accept:application/json\nhost:127.0.0.1:18328\nuser-agent:vector-agent/1.0\nx-acs-action:UnassociateEipAddress\n\
    x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
    x-acs-credentials-provider:static_ak\nx-acs-date:2026-06-19T08:00:00Z\n\
    x-acs-signature-nonce:3156853299f313e23d1673dc12e1703d\nx-acs-version:2016-04-28\n\n\
    accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;\
    x-acs-signature-nonce;x-acs-version\n\
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const V6_QUERY: &str = "AllocationId=eip-2zeerraiwb7uj6i0d0001&ClientToken=tok-~*%2B%20%25%2F%3D%26%C3%A9!%27()\
    &Force=false&InstanceId=i-hp3akk9irtd69jad0001&InstanceType=EcsInstance&RegionId=cn-hangzhou";
const V7_CONTENT: &str = "51b69a0e5701dbfcd5ba31a6fe94c007cca99804a304c3e40d9f9b38ab215d0f";

/// A request with a signature in a header that covers all the headers which are there.
fn by_header(query: &str, content: &str, more: &[(&str, &str)], body: &str, signature: &str) -> HttpRequest {
    let provider = if more.iter().any(|(n, _)| *n == acs3::TOKEN) { "static_sts" } else { "static_ak" };
    let mut headers = vec![
        ("host", HOST),
        ("x-acs-action", "UnassociateEipAddress"),
        ("x-acs-content-sha256", content),
        ("x-acs-credentials-provider", provider),
        ("x-acs-date", WHEN),
        ("x-acs-signature-nonce", NONCE),
        ("x-acs-version", "2016-04-28"),
    ];
    headers.extend(more);
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(n, _)| *n).collect();
    let authorization =
        format!("ACS3-HMAC-SHA256 Credential={KEY},SignedHeaders={},Signature={signature}", names.join(";"));
    headers.push(("authorization", &authorization));
    request("POST", query, &headers, body)
}

/// Those, each with the digest of its canonical request and its signature.
fn with_headers() -> Vec<(&'static str, HttpRequest, &'static str, &'static str)> {
    let python = [("accept", "application/json"), ("user-agent", "vector-agent/1.0")];
    let temporary = [("x-acs-accesskey-id", KEY), ("x-acs-security-token", "testStsToken/+==")];
    let all = |more: &[(&'static str, &'static str)]| [&python[..], more].concat();
    let (v5, v5_token) = (
        "b5cfa531fbacb5c1c5855a5a5a6009b9b5a629f4d13177da64041bfbafacee4f",
        "6a4e386a4229bb1928e683bb967039ed267dc2cbf1600be8c59879c730e5b3e9",
    );
    let (v6, v7) = (
        "eb4da91ad3567ea21ad5bd436ec39483233b24f635e054a4891133b4a2d5a938",
        "50b6f77895e69351034ec599e0903b62b02b33b0d9abebb2dcbd0eacc1bdce8e",
    );
    vec![
        (
            "V5",
            by_header(V5_QUERY, EMPTY, &all(&[]), "", v5),
            "4e78a67d3b83488ec7d54cef0af1c5f2c4dddd6c68a2ba45c649fd51485e4fcb",
            v5,
        ),
        (
            "V5 with a token",
            by_header(V5_QUERY, EMPTY, &all(&temporary), "", v5_token),
            "7e8e5e212903949152bd7311a221c828ed01f47bf3a62b85700b4a82c403889a",
            v5_token,
        ),
        (
            "V6",
            by_header(V6_QUERY, EMPTY, &[], "", v6),
            "9603cfa9ee043314524da282c7afbd4ec9163e2704397a3622117d5ce0f6cd23",
            v6,
        ),
        (
            "V7",
            by_header("RegionId=cn-hangzhou", V7_CONTENT, &all(&[FORM]), V3_BODY, v7),
            "96aebdf230c8d6cd97f56c8984b59c2c2104e61e0962d1eb6cbeb0726b2bf574",
            v7,
        ),
    ]
}

fn credentials() -> Credentials {
    Credentials { access_key: KEY.into(), secret_key: SECRET.into(), session_token: None }
}

fn verifier() -> Verifier {
    Verifier::new(credentials())
}

fn now() -> SystemTime {
    stamp::parse(WHEN).unwrap()
}

/// Every recorded request.
fn recorded() -> Vec<(&'static str, HttpRequest)> {
    let by_header = with_headers().into_iter().map(|(name, request, _, _)| (name, request));
    by_parameters().into_iter().map(|(name, request, _)| (name, request)).chain(by_header).collect()
}

#[test]
fn recorded_requests_with_a_signature_among_their_parameters_are_signed_as_recorded() {
    for (name, request, signature) in by_parameters() {
        let pairs: Vec<_> = request.parameters().map(Result::unwrap).collect();
        let to_sign = rpc_v1::string_to_sign(request.method, &pairs);
        if name == "V1" {
            assert_eq!(to_sign, V1_TO_SIGN);
        }
        assert_eq!(rpc_v1::signature(SECRET, &to_sign), signature, "{name}: {to_sign}");
    }
}

#[test]
fn recorded_requests_with_a_signature_in_a_header_are_signed_as_recorded() {
    for (name, request, digest, signature) in with_headers() {
        let header = request.header("authorization").unwrap();
        let names = acs3::Authorization::read(header).unwrap().signed_headers;
        let canonical = acs3::canonical_request(&request, &names).unwrap();
        if name == "V5" {
            assert_eq!(canonical, V5_CANONICAL);
        }
        assert_eq!(acs3::digest(canonical.as_bytes()), digest, "{name}: {canonical}");
        let to_sign = acs3::string_to_sign(&canonical);
        assert_eq!(to_sign, format!("ACS3-HMAC-SHA256\n{digest}"));
        assert_eq!(acs3::signature(SECRET, &to_sign), signature, "{name}");
    }
}

#[test]
fn the_published_examples_come_out_as_published() {
    let pairs = [
        ("Action", "DescribeRegions"),
        ("Format", "XML"),
        ("AccessKeyId", "testid"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
        ("SignatureVersion", "1.0"),
        ("Timestamp", "2016-02-23T12:46:24Z"),
        ("Version", "2014-05-26"),
    ];
    let to_sign = rpc_v1::string_to_sign("GET", &pairs);
    assert_eq!(rpc_v1::signature("testsecret", &to_sign), "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");

    let headers = [
        ("host", "ecs.cn-shanghai.aliyuncs.com"),
        ("x-acs-action", "RunInstances"),
        ("x-acs-content-sha256", EMPTY),
        ("x-acs-date", "2023-10-26T10:22:32Z"),
        ("x-acs-signature-nonce", NONCE),
        ("x-acs-version", "2014-05-26"),
    ];
    let query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai";
    let names = headers.map(|(n, _)| n);
    let canonical = acs3::canonical_request(&request("POST", query, &headers, ""), &names).unwrap();
    let digest = "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259";
    assert_eq!(acs3::digest(canonical.as_bytes()), digest);
    let signature = acs3::signature("YourAccessKeySecret", &acs3::string_to_sign(&canonical));
    assert_eq!(signature, "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0");
}

fn law() -> Law {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/laws/parcels");
    load(&SpecSource::Folder(folder.into()), "parcels", &[]).unwrap()
}

fn signer(credentials: Credentials, method: Method, sending: Sending) -> Signer {
    Signer::new(credentials, "here-1", Manner::choose(Protocol::Rpc, Some(method), Some(sending)).unwrap())
}

#[test]
fn a_client_signs_what_others_have_sent_as_they_did() {
    let own =
        ["Format", "Timestamp", "SignatureMethod", "SignatureVersion", "SignatureNonce", "AccessKeyId", "Signature"];
    for (recorded, nonce, sending) in
        [(V1, "15215528852396", Sending::Get), (V4, "62ee037c6336b61fdafcf15dffe2e01b", Sending::Form)]
    {
        let mut parameters = String::new();
        for (name, value) in form::pairs(recorded.as_bytes()).map(Result::unwrap) {
            if !own.contains(&&*name) {
                form::push_pair(&mut parameters, &name, &value);
            }
        }
        let signer = signer(credentials(), Method::RpcV1, sending);
        let stamp = Stamp { time: now(), nonce: nonce.into() };
        let url = Url::parse("http://127.0.0.1:18328/").unwrap();
        let sent = signer.request(&law(), ProductIx(0), &url, parameters, &stamp).unwrap();
        let sorted = |form: &[u8]| {
            let mut pairs: Vec<String> = form::pairs(form).map(|p| format!("{:?}", p.unwrap())).collect();
            pairs.sort();
            pairs
        };
        let place = if sending == Sending::Get { sent.query.as_bytes() } else { &sent.body[..] };
        assert_eq!(sorted(place), sorted(recorded.as_bytes()));
    }
}

#[test]
fn recorded_requests_are_verified() {
    for (name, request) in recorded() {
        assert_eq!(verifier().check(&request, now()), Ok(()), "{name}");
    }
}

#[test]
fn a_request_that_was_changed_after_it_was_signed_is_refused() {
    for (name, request) in recorded() {
        let mut changes = vec![HttpRequest { query: format!("{}&More=1", request.query), ..request.clone() }];
        let at = request.query.find("eip-2").map(|at| (at, true)).or(request
            .body
            .windows(5)
            .position(|w| w == b"eip-2")
            .map(|at| (at, false)));
        if let Some((at, in_query)) = at {
            let mut changed = request.clone();
            if in_query {
                changed.query.replace_range(at + 4..at + 5, "3");
            } else {
                let mut body = changed.body.to_vec();
                body[at + 4] = b'3';
                changed.body = body.into();
            }
            changes.push(changed);
        }
        if let Some(at) = request.headers.iter().position(|(n, _)| n == "x-acs-version") {
            let mut changed = request.clone();
            changed.headers[at].1 = "2016-04-29".into();
            changes.push(changed);
            let mut changed = request.clone();
            changed.method = "GET";
            changes.push(changed);
        }
        for changed in changes {
            let result = verifier().check(&changed, now());
            assert!(matches!(result, Err(SignatureFault::Mismatch { .. })), "{name}: {result:?} for {changed:?}");
        }
    }
}

#[test]
fn a_wrong_key_and_a_wrong_secret_are_told_apart() {
    for (name, request) in recorded() {
        let mut other = Verifier::new(Credentials { access_key: "another".into(), ..credentials() });
        assert_eq!(other.check(&request, now()), Err(SignatureFault::UnknownKey), "{name}");
        let mut other = Verifier::new(Credentials { secret_key: "another".into(), ..credentials() });
        let result = other.check(&request, now());
        assert!(matches!(result, Err(SignatureFault::Mismatch { .. })), "{name}: {result:?}");
        let token = Some("testStsToken/+==".to_owned());
        let mut temporary = Verifier::new(Credentials { session_token: token, ..credentials() });
        let expected = if name.contains("token") { Ok(()) } else { Err(SignatureFault::UnknownKey) };
        assert_eq!(temporary.check(&request, now()), expected, "{name}");
    }
}

#[test]
fn a_request_is_good_once_and_for_a_quarter_of_an_hour() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    for (name, request) in recorded() {
        let mut verifier = verifier();
        for far in [now() + minutes(16), now() - minutes(16)] {
            assert_eq!(verifier.check(&request, far), Err(SignatureFault::Expired), "{name}");
        }
        assert_eq!(verifier.check(&request, now() + minutes(14)), Ok(()), "{name}");
        assert_eq!(verifier.check(&request, now() - minutes(14)), Err(SignatureFault::Replayed), "{name}");
        assert_eq!(verifier.check(&request, now() + minutes(15)), Err(SignatureFault::Replayed), "{name}");
    }
}

#[test]
fn what_belongs_to_a_signature_must_be_there() {
    for part in ["AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"] {
        let query: Vec<&str> = V1.split('&').filter(|p| p.split('=').next() != Some(part)).collect();
        let result = verifier().check(&request("GET", &query.join("&"), &[], ""), now());
        assert!(matches!(result, Err(SignatureFault::Incomplete(_))), "{part}: {result:?}");
    }
    let (_, good, ..) = with_headers().remove(0);
    for name in ["x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"] {
        let mut lacking = good.clone();
        lacking.headers.retain(|(n, _)| n != name);
        let mut unsigned = good.clone();
        for (header, value) in &mut unsigned.headers {
            if header == "authorization" {
                *value = value.replace(&format!("{name};"), "").replace(&format!(";{name},"), ",");
            }
        }
        for spoilt in [lacking, unsigned] {
            let result = verifier().check(&spoilt, now());
            assert!(matches!(result, Err(SignatureFault::Incomplete(_))), "{name}: {result:?}");
        }
    }
    for header in ["", "Basic abc", "ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 Credential=a", "ACS3-HMAC-SM3 Credential=a"] {
        let result = verifier().check(&request("POST", "", &[("authorization", header)], ""), now());
        assert!(matches!(result, Err(SignatureFault::Incomplete(_))), "{header}: {result:?}");
    }
    let odd = V1.replace("2026-06-19T08%3A00%3A00Z", "yesterday");
    assert_eq!(verifier().check(&request("GET", &odd, &[], ""), now()), Err(SignatureFault::Timestamp));
}

#[test]
fn the_older_client_finds_its_own_text_after_the_first_colon() {
    let other = V1.replace("wbmj", "AAAA");
    let fault = verifier().check(&request("GET", &other, &[], ""), now()).unwrap_err();
    assert_eq!(fault.to_string().split_once(':').unwrap().1, V1_TO_SIGN);
}

#[test]
fn what_is_signed_in_any_manner_is_verified() {
    let (law, url) = (law(), Url::parse("http://127.0.0.1:18328/").unwrap());
    for token in [None, Some("t0ken/+=".to_owned())] {
        let credentials = Credentials { session_token: token, ..credentials() };
        let mut verifier = Verifier::new(credentials.clone());
        for method in [Method::RpcV1, Method::Acs3] {
            for sending in [Sending::Get, Sending::Form, Sending::Split] {
                let signer = signer(credentials.clone(), method, sending);
                let parameters = "Action=A&Version=1&Name=%20%2B%2A~%C3%A9%26%3D&Empty=&Other.1=%21%27%28%29";
                let stamp = Stamp { time: now(), nonce: Stamp::now().nonce };
                let sent = signer.request(&law, ProductIx(0), &url, parameters.to_owned(), &stamp).unwrap();
                assert_eq!(verifier.check(&sent, now()), Ok(()), "{sent:?}");
                let (query, body) = (!sent.query.is_empty(), !sent.body.is_empty());
                let expected = match sending {
                    Sending::Get => ("GET", true, false),
                    Sending::Form => ("POST", false, true),
                    Sending::Split => ("POST", true, true),
                };
                assert_eq!((sent.method, query, body), expected, "{sent:?}");
                let shown = format!("{:?}", sent.redacted());
                let signature = sent.header("authorization").and_then(|h| h.split("Signature=").nth(1)).map_or_else(
                    || sent.parameters().flatten().find(|(n, _)| n == "Signature").unwrap().1.into_owned(),
                    str::to_owned,
                );
                for secret in [&*signature, &form::encode(&signature), "t0ken", SECRET] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }
        }
    }
}
