//! Fernet, as its specification of version 0x80 says: what other programs encrypt with the master
//! key, and can decrypt with it.
//!
//! A token is bound to no place. It knows no files, and time only as an argument.

use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use super::SealError;

const VERSION: u8 = 0x80;
/// Bytes of each of the two keys, and of a block.
const BLOCK: usize = 16;
/// Version and time.
const HEAD: usize = 9;
const MAC: usize = 32;
/// Seconds by which clocks may differ.
const SKEW: u64 = 60;

/// What tokens are made and read with.
pub(super) struct Fernet {
    signing: hmac::Key,
    encryption: [u8; BLOCK],
}

/// Why a token was not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FernetError {
    /// It is not base64url, too short, or of another version.
    #[error("it is no Fernet token")]
    Format,
    /// It was made with another key, or changed.
    #[error("it was encrypted with another key, or changed")]
    Mac,
    /// It was made with this key, and wrongly.
    #[error("its content is not padded as it should be")]
    Padding,
    /// It is from the future, or too old.
    #[error("it is not of this time")]
    Time,
}

impl Fernet {
    /// Both keys: the first half signs, the second encrypts.
    pub(super) fn new(key: &[u8; 2 * BLOCK]) -> Self {
        let (signing, encryption) = key.split_at(BLOCK);
        let mut own = [0; BLOCK];
        own.copy_from_slice(encryption);
        Self { signing: hmac::Key::new(hmac::HMAC_SHA256, signing), encryption: own }
    }

    /// A token that is made at `now`, in seconds since 1970.
    pub(super) fn encrypt(&self, text: &[u8], now: u64) -> Result<String, SealError> {
        let mut iv = [0; BLOCK];
        SystemRandom::new().fill(&mut iv).map_err(|_| SealError::Random)?;
        Ok(self.encrypt_with(text, now, iv))
    }

    fn encrypt_with(&self, text: &[u8], now: u64, iv: [u8; BLOCK]) -> String {
        let cipher = cbc::Encryptor::<Aes128>::new(&self.encryption.into(), &iv.into());
        let mut token = vec![VERSION];
        token.extend(now.to_be_bytes());
        token.extend(iv);
        token.extend(cipher.encrypt_padded_vec::<Pkcs7>(text));
        let mac = hmac::sign(&self.signing, &token);
        token.extend(mac.as_ref());
        URL_SAFE.encode(token)
    }

    /// What is in a token; with `fresh`, only if it is at most so many seconds old at that time.
    pub(super) fn decrypt(
        &self,
        token: &str,
        fresh: Option<(u64, u64)>,
    ) -> Result<Vec<u8>, FernetError> {
        let whole = URL_SAFE.decode(token.trim_ascii()).map_err(|_| FernetError::Format)?;
        let split = whole.len().checked_sub(MAC).ok_or(FernetError::Format)?;
        let (signed, mac) = whole.split_at(split);
        let (head, rest) = signed.split_at_checked(HEAD).ok_or(FernetError::Format)?;
        let (iv, body) = rest.split_at_checked(BLOCK).ok_or(FernetError::Format)?;
        let (version, time) = head.split_at(1);
        if version != [VERSION] {
            return Err(FernetError::Format);
        }
        hmac::verify(&self.signing, signed, mac).map_err(|_| FernetError::Mac)?;
        let made = time.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        if fresh.is_some_and(|(now, age)| made > now + SKEW || made.saturating_add(age) < now) {
            return Err(FernetError::Time);
        }
        let mut nonce = [0; BLOCK];
        nonce.copy_from_slice(iv);
        let cipher = cbc::Decryptor::<Aes128>::new(&self.encryption.into(), &nonce.into());
        cipher.decrypt_padded_vec::<Pkcs7>(body).map_err(|_| FernetError::Padding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret and moment of all vectors of the specification.
    const SECRET: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const NOW: u64 = 499_162_801;
    const HELLO: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobw\
                         Oz7JcbmrR64jVmpU4IwqDA==";

    fn fernet(secret: &str) -> Fernet {
        Fernet::new(&URL_SAFE.decode(secret).unwrap().try_into().unwrap())
    }

    #[test]
    fn a37_d95_the_vector_to_generate_and_the_one_to_verify_hold() {
        let iv = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(fernet(SECRET).encrypt_with(b"hello", NOW - 1, iv), HELLO);
        assert_eq!(fernet(SECRET).decrypt(HELLO, Some((NOW, 60))).unwrap(), b"hello");
    }

    #[test]
    fn a37_d95_the_eight_invalid_vectors_are_refused_each_for_its_reason() {
        let (mac, format) = (FernetError::Mac, FernetError::Format);
        let (padding, time) = (FernetError::Padding, FernetError::Time);
        let good =
            "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1Ydyk";
        let head = "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD";
        for (what, token, now, expected) in [
            ("incorrect mac", format!("{good}QUFBQUFBQUFBQQ=="), NOW, mac),
            ("too short", format!("{head}3HkMATM5lFqGaerZ-fWPA=="), NOW, format),
            (
                "invalid base64",
                format!("{}{}RtfsH-p1YsUD2Q==", "%".repeat(13), &good[13..]),
                NOW,
                format,
            ),
            (
                "payload size not multiple of block size",
                format!("{head}3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm"),
                NOW,
                padding,
            ),
            (
                "payload padding error",
                format!(
                    "{head}z4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw=="
                ),
                NOW,
                padding,
            ),
            (
                "far-future TS (unacceptable clock skew)",
                "gAAAAAAdwStRAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAnja1xKYyhd-Y6mSkTOyTGJmw2X\
                 c2a6kBd-iX9b_qXQcw=="
                    .to_owned(),
                NOW,
                time,
            ),
            ("expired TTL", format!("{good}RtfsH-p1YsUD2Q=="), NOW + 90, time),
            (
                "incorrect IV (causes padding error)",
                "gAAAAAAdwJ6xBQECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAkLhFLHpGtDBRLRTZeUfWgHSv49\
                 TF2AUEZ1TIvcZjK1zQ=="
                    .to_owned(),
                NOW,
                padding,
            ),
        ] {
            let found = fernet(SECRET).decrypt(&token, Some((now, 60)));
            assert_eq!(found, Err(expected), "{what}");
        }
    }

    #[test]
    fn whatever_is_encrypted_is_decrypted_with_the_same_key_alone() {
        let other = fernet("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        for text in ["", "s3cret", "sixteen letters!", "über\nlines"] {
            let token = fernet(SECRET).encrypt(text.as_bytes(), NOW).unwrap();
            assert_eq!(
                fernet(SECRET).decrypt(&format!(" {token}\n"), None).unwrap(),
                text.as_bytes()
            );
            assert_eq!(other.decrypt(&token, None), Err(FernetError::Mac));
        }
        assert_eq!(other.decrypt("", None), Err(FernetError::Format));
    }
}
