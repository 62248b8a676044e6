//! Credentials at rest: one master key for the state directory, and texts sealed with it.
//!
//! ```text
//! master key ─┬─ HKDF-SHA-256 ─┬─ "secrets" ── AES-256-GCM key
//!             │                └─ "key-id" ─── its name, which stands in what it sealed
//!             └─ as it is: Fernet, for values that people and other programs encrypt
//! ```
//!
//! What is kept secret at rest is also kept out of what is told (`blot`).
//!
//! A sealed text is bound to its place, so that it cannot be moved to another one; a Fernet token is
//! not. Which texts are secret, and where sealed ones are kept, is decided by those who keep them.

mod blot;
mod fernet;
mod keyring;
mod master_key;
mod seal;

pub use blot::{Secrets, url_login};
pub use fernet::FernetError;
pub use keyring::{KeySource, Keyring, MasterKeyError};
pub use master_key::MasterKey;
pub use seal::{OpenSealError, Place, SealError, is_sealed, open, seal};
