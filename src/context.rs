//! Who asks, and under which request: the first parameter of each use case.

/// The circumstances of one request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub caller: Caller,
    /// Taken from the client's `X-Request-Id` when well formed, else made here.
    pub request_id: String,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: development mode, on loopback, over synthetic data.
    Open,
    /// An operator at the command line of the host.
    Operator,
}

impl Caller {
    /// How the caller is named in audit records.
    pub fn name(self) -> &'static str {
        match self {
            Caller::Open => "open development access",
            Caller::Operator => "operator",
        }
    }
}
