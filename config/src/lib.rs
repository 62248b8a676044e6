//! This crate turns settings files, environment and flags into checked values.
//! It does not know what is done with them, nor whether they are being read again.

mod defaults;
pub mod diff;
mod duration;
mod name;
mod nearest;
mod problem;
mod rate;
mod request;
mod secret;
mod settings;
mod size;
mod spec;

pub use defaults::ServerDefaults;
pub use duration::{DurationError, format_duration, parse_duration};
pub use name::{NameError, ServerId, ServerName, WorkspaceName, slug};
pub use problem::{ConfigError, Problem};
pub use rate::{Rate, RateError};
pub use request::{LoadRequest, Overrides};
pub use secret::Secret;
pub use settings::{
    CallSettings, CatalogSettings, Config, DelegationSettings, DelegatorLimit, ExportStyle, Listen,
    LogFormat, LogSettings, State,
};
pub use size::{SizeError, format_size, parse_size};
pub use spec::{
    Backoff, Heartbeat, ProtocolMode, RemoteKind, RemoteSpec, RestartPolicy, Restarts, ServerSpec,
    StartMode, StdioSpec, StopGrace, Transport,
};
