//! This file is the server behind the measurement: one tool, `echo`, and as little work as possible.
//! It is no example of a good server; that is `conductor sample-server`.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const INFO: &str = r#"{"name":"bench-echo","version":"1"}"#;
const TOOL: &str = concat!(
    r#"{"name":"echo","description":"Returns the text.","inputSchema":{"type":"object","#,
    r#""properties":{"text":{"type":"string"}},"required":["text"]}}"#
);

/// What is read of a message; the rest is skipped.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    #[serde(borrow)]
    arguments: Option<EchoArguments<'a>>,
}

#[derive(Deserialize)]
struct EchoArguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

/// Serves stdin and stdout until the end of input.
pub(crate) fn stdio() -> ExitCode {
    let mut input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
    let mut output = std::io::stdout().lock();
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) => return ExitCode::SUCCESS,
            Ok(_) => {}
            Err(_) => return ExitCode::FAILURE,
        }
        if let Some(answer) = answer(&line) {
            answers.extend_from_slice(answer.as_bytes());
            answers.push(b'\n');
        }
        // What is already here is answered in one write.
        if !input.buffer().contains(&b'\n') {
            if output.write_all(&answers).and_then(|()| output.flush()).is_err() {
                return ExitCode::FAILURE;
            }
            answers.clear();
        }
    }
}

/// Serves HTTP until it is ended; the first line of stdout is the address.
pub(crate) async fn http(addr: Option<SocketAddr>) -> Result<()> {
    let addr = addr.context("failed to serve HTTP without an address")?;
    let listener = TcpListener::bind(addr).await.context("failed to listen")?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // An error here is the client's leaving.
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(on_post)),
        );
    }
}

async fn on_post(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.method() != Method::POST {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return Ok(response);
    }
    let Ok(body) = request.into_body().collect().await else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    match answer(&body.to_bytes()) {
        Some(answer) => {
            let kind = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
            *response.body_mut() = Full::new(Bytes::from(answer));
        }
        None => *response.status_mut() = StatusCode::ACCEPTED,
    }
    Ok(response)
}

/// The answer to one message; none to a notification.
fn answer(line: &[u8]) -> Option<String> {
    let message: Message<'_> = serde_json::from_slice(line).ok()?;
    let id = message.id?.get();
    let params = message.params.map_or("{}", RawValue::get);
    let modern = params.contains("io.modelcontextprotocol/protocolVersion");
    let tail = if modern {
        format!(
            r#","resultType":"complete","_meta":{{"io.modelcontextprotocol/serverInfo":{INFO}}}"#
        )
    } else {
        String::new()
    };
    let hints = if modern { r#","ttlMs":300000,"cacheScope":"public""# } else { "" };
    let result = match message.method? {
        "tools/call" => {
            let call: CallParams<'_> = serde_json::from_str(params).ok()?;
            let text = call.arguments.and_then(|given| given.text).map_or("\"\"", RawValue::get);
            format!(r#"{{"content":[{{"type":"text","text":{text}}}]{tail}}}"#)
        }
        "tools/list" => format!(r#"{{"tools":[{TOOL}]{hints}{tail}}}"#),
        "initialize" => {
            let asked: Value = serde_json::from_str(params).ok()?;
            let version = asked.get("protocolVersion").cloned().unwrap_or(json!("2025-11-25"));
            format!(
                r#"{{"protocolVersion":{version},"capabilities":{{"tools":{{}}}},"serverInfo":{INFO}}}"#
            )
        }
        "server/discover" => format!(
            r#"{{"supportedVersions":["2026-07-28"],"capabilities":{{"tools":{{}}}}{hints}{tail}}}"#
        ),
        "ping" => "{}".to_owned(),
        _ => {
            let error = r#"{"code":-32601,"message":"Method not found"}"#;
            return Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#));
        }
    };
    Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: Option<&str>) {
        assert_eq!(answer(message.as_bytes()).as_deref(), expected);
    }

    #[test]
    fn echoes_the_text_byte_for_byte() {
        check(
            r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"echo","arguments":{"text":"a\u00e9\n"}}}"#,
            Some(
                r#"{"jsonrpc":"2.0","id":"x","result":{"content":[{"type":"text","text":"a\u00e9\n"}]}}"#,
            ),
        );
    }

    #[test]
    fn notifications_are_not_answered() {
        check(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, None);
    }

    #[test]
    fn unknown_methods_are_refused() {
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#,
            Some(
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#,
            ),
        );
    }
}
