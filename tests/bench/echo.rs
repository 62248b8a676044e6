//! This file is the server behind the measurement: as little work as possible, on pipes or HTTP.
//! It is no example of a good server; that is `conductor sample-server`. What it says is in `answers.rs`.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::answers::Answers;

/// So many bytes of answers do not wait for more that would go out with them.
const ENOUGH: usize = 1 << 16;
/// What a server that was not made for pipes may write to its stdout.
const GARBAGE: &str = "progress: 12 % of all files are looked at\n";

/// Serves stdin and stdout until the end of input; with garbage beside it if wanted.
pub(crate) fn stdio(answers: &Answers, garbage: bool) -> ExitCode {
    let mut input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
    let mut output = std::io::stdout().lock();
    let (mut line, mut ready) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) => return ExitCode::SUCCESS,
            Ok(_) => {}
            Err(_) => return ExitCode::FAILURE,
        }
        if let Some(answer) = answers.answer(&line) {
            ready.extend_from_slice(answer.as_bytes());
            ready.push(b'\n');
            if garbage && answer.contains(r#""tools":["#) {
                std::thread::spawn(write_garbage);
            }
        }
        // What is already here is answered in one write, unless that would hold long answers up.
        if ready.len() >= ENOUGH || !input.buffer().contains(&b'\n') {
            if output.write_all(&ready).and_then(|()| output.flush()).is_err() {
                return ExitCode::FAILURE;
            }
            ready.clear();
        }
    }
}

/// Never ends. A part has so few bytes that none of the answers can get into it.
fn write_garbage() {
    let part = GARBAGE.repeat(64);
    let Ok(mut output) = std::fs::File::options().write(true).open("/proc/self/fd/1") else {
        return;
    };
    while output.write_all(part.as_bytes()).is_ok() {}
}

/// Serves HTTP until it is ended; the first line of stdout is the address.
pub(crate) async fn http(addr: SocketAddr, answers: Answers) -> Result<()> {
    let answers = Arc::new(answers);
    let listener = TcpListener::bind(addr).await.context("failed to listen")?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        let service = service_fn(move |request| on_post(request, Arc::clone(&answers)));
        // An error here is the client's leaving.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn on_post(
    request: Request<Incoming>,
    answers: Arc<Answers>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.method() != Method::POST {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return Ok(response);
    }
    let Ok(body) = request.into_body().collect().await else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    match answers.answer(&body.to_bytes()) {
        Some(answer) => {
            let kind = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
            *response.body_mut() = Full::new(Bytes::from(answer));
        }
        None => *response.status_mut() = StatusCode::ACCEPTED,
    }
    Ok(response)
}
