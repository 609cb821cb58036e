//! A connection whose bytes pass the gate before the framework reads them (HTTP-03).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gate::Gate;

/// A socket behind the gate.
pub struct Wire {
    socket: TcpStream,
    gate: Gate,
    passed: Passed,
}

/// What the framework has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    /// All that came.
    All,
    /// The first byte of what stands for a line end that was refused.
    Half,
    /// All there will be.
    Refusal,
}

impl Wire {
    pub fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            gate: Gate::default(),
            passed: Passed::All,
        }
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

impl AsyncRead for Wire {
    /// A line feed that is refused is read as CR and NUL, which end nothing in HTTP: so the framework
    /// answers 400, behind the answers to the requests before, and closes. Nothing is read after it.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.passed {
            Passed::All => {}
            Passed::Half => {
                buffer.put_slice(&[0]);
                self.passed = Passed::Refusal;
                return Poll::Ready(Ok(()));
            }
            Passed::Refusal => return Poll::Pending,
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let fresh = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        let Some(at) = self.gate.fault(fresh) else {
            return Poll::Ready(Ok(()));
        };
        if let Some(byte) = fresh.get_mut(at) {
            *byte = b'\r';
        }
        buffer.set_filled(before.saturating_add(at).saturating_add(1));
        self.passed = Passed::Half;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
