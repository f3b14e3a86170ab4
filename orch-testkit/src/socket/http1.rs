use std::fmt::Write as _;
use std::future::pending;
use std::io;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::io::Wire;
use super::step::Framing;
use super::{Head, Shared, SocketAnswer, SocketStep};

/// What a mail server says.
pub(super) const NO_HTTP: &[u8] = b"+OK ready\r\n\r\n";

/// Requests on one connection, until one side closes it.
pub(super) async fn serve(shared: &Shared, wire: Wire) -> io::Result<()> {
    let mut reader = BufReader::new(wire);
    loop {
        let head = read_head(&mut reader).await?;
        let framing = framing(&head.headers);
        let (number, step) = shared.arrive(head);
        if step == SocketStep::Stall {
            return pending().await;
        }
        read_body(&mut reader, framing, |part| shared.body(number, part)).await?;
        shared.whole(number);
        let answer = shared.answer(number, &step);
        let wire = reader.get_mut();
        match (step, answer) {
            (_, Some(answer)) => {
                write(wire, &answer).await?;
                if answer.cut.is_some() || answer.framing == Framing::Close {
                    return wire.shutdown().await;
                }
            }
            (SocketStep::Reset, _) => {
                wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await?;
                wire.reset();
                return Ok(());
            }
            (SocketStep::NoHttp, _) => {
                wire.write_all(NO_HTTP).await?;
                return wire.shutdown().await;
            }
            (SocketStep::Silent, _) => return pending().await,
            _ => return Ok(()),
        }
    }
}

async fn read_head(reader: &mut BufReader<Wire>) -> io::Result<Head> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut text).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut slots = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut slots);
    request.parse(&text).map_err(io::Error::other)?;
    let mut headers = HeaderMap::new();
    for header in &*request.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(io::Error::other)?;
        headers.append(name, HeaderValue::from_bytes(header.value).map_err(io::Error::other)?);
    }
    let method = request.method.unwrap_or_default().parse().map_err(io::Error::other)?;
    let target = request.path.unwrap_or_default().to_owned();
    Ok(Head { method, target, version: http::Version::HTTP_11, headers })
}

/// How long the body of a request is; `None` in chunks.
fn framing(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    Some(length.and_then(|length| length.parse().ok()).unwrap_or(0))
}

async fn read_body(
    reader: &mut BufReader<Wire>,
    length: Option<usize>,
    mut arrived: impl FnMut(&[u8]),
) -> io::Result<()> {
    let Some(length) = length else { return read_chunks(reader, arrived).await };
    let mut left = length;
    while left > 0 {
        let mut part = vec![0; left.min(8192)];
        let read = reader.read(&mut part).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        arrived(&part[..read]);
        left -= read;
    }
    Ok(())
}

async fn read_chunks(
    reader: &mut BufReader<Wire>,
    mut arrived: impl FnMut(&[u8]),
) -> io::Result<()> {
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        // The line break after a chunk is not a part of it.
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).await?;
        if size == 0 {
            return Ok(());
        }
        arrived(&chunk[..size]);
    }
}

async fn write(wire: &mut Wire, answer: &SocketAnswer) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let length = answer.body.len();
    match answer.framing {
        // These have no body (RFC 9112 §6.3).
        Framing::Length if matches!(answer.status, 100..=199 | 204 | 304) => {}
        Framing::Length => drop(write!(head, "content-length: {length}\r\n")),
        Framing::Chunked => drop(write!(head, "transfer-encoding: chunked\r\n")),
        Framing::Close => head.push_str("connection: close\r\n"),
    }
    head.push_str("\r\n");
    if answer.framing == Framing::Chunked {
        let _ = write!(head, "{length:x}\r\n");
    }
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(answer.sent());
    if answer.framing == Framing::Chunked && answer.cut.is_none() {
        bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    }
    wire.write_all(&bytes).await
}
