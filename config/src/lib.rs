//! This crate turns settings files, environment and flags into checked values.
//! It does not know what is done with them, nor whether they are being read again.

mod clients;
mod decrypter;
mod defaults;
pub mod diff;
mod discover;
mod document;
mod duration;
mod env_file;
mod environment;
mod expand;
mod export;
mod group;
mod hazard;
mod isolation;
mod keys;
mod layer;
mod limits;
mod load;
mod name;
mod nearest;
mod network;
mod patterns;
mod problem;
mod rate;
mod reader;
mod registered;
mod request;
mod sanitize;
mod schema;
mod secret;
mod sections;
mod server;
mod settings;
mod size;
mod spec;
mod transport;
mod tuning;
mod validate;
mod view;
mod words;

#[cfg(test)]
mod tests;

/// The settings that hold where nothing else is said, with a comment on every key.
pub const DEFAULTS: &str = include_str!("../default.toml");

pub use decrypter::{Decrypter, ENCRYPTED};
pub use defaults::ServerDefaults;
pub use duration::{DurationError, format_duration, parse_duration};
pub use export::{ExportStyle, ExportStyles};
pub use group::{Group, GroupError};
pub use isolation::{Instances, Isolation};
pub use limits::{Limits, RestartAbove};
pub use load::{load, load_state};
pub use name::{NameError, ServerId, ServerName, WorkspaceName, slug};
pub use nearest::nearest;
pub use network::{Reach, is_public};
pub use patterns::{Pattern, PatternError, Patterns};
pub use problem::{ConfigError, Problem};
pub use rate::{Rate, RateError};
pub use registered::{Aside, Merged, Registration, deactivate, merged};
pub use request::{LoadRequest, Overrides};
pub use sanitize::{Danger, Measure, Sanitize};
pub use schema::registration_schema;
pub use secret::Secret;
pub use server::{server_socket, workspace_socket};
pub use settings::{
    ApiSettings, AuthSettings, CallSettings, CatalogSettings, Config, DelegationSettings,
    DelegatorLimit, Listen, LogFormat, LogSettings, ReloadSettings, SocketSpec, SocketView, State,
};
pub use size::{SizeError, format_size, parse_size};
pub use spec::{
    Backoff, Heartbeat, Origin, PinPolicy, ProtocolMode, RemoteKind, RemoteSpec, RestartPolicy,
    Restarts, ServerSpec, StartMode, StdioSpec, StopGrace, Transport,
};
pub use view::{ViewMode, ViewSpec};
