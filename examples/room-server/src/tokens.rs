//! Access tokens and ID tokens: signing them for backends, checking those that clients bring.
//!
//! Tokens are JWTs signed with HS256. The key is the database's: made at random for the first start,
//! so that tokens outlive a restart and one server's tokens are worth nothing to another.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scopes::ScopesBy;

/// How long a token is good for.
const LIFE: Duration = Duration::from_secs(3600);

/// How far clocks may be apart. A client that believes in a token which the server calls expired
/// would come back with it at once, again and again.
const SLACK: Duration = Duration::from_secs(30);

/// The project for which all tokens are.
const PROJECT: &str = "localdev";

/// What a token says about its owner. The field names are those that clients read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub uid: String,
    /// What others are told about the user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ui: Option<Value>,
    /// What the token is good for.
    #[serde(flatten)]
    pub grant: Grant,
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "k")]
pub enum Grant {
    /// It brings its permissions with it.
    #[serde(rename = "acc")]
    Access {
        /// By name or prefix of a room.
        perms: ScopesBy,
    },
    /// It says who somebody is; what that one may do stands in the room's record.
    #[serde(rename = "id")]
    Identity {
        /// The groups that the user is in.
        #[serde(default)]
        gids: Vec<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(flatten)]
    claims: Claims,
    pid: String,
    iat: u64,
    exp: u64,
    /// Makes every token another: clients refuse to get the same one twice.
    jti: String,
}

/// Why a token is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It was good once.
    Expired,
    /// It is malformed, or somebody else signed it.
    Forged,
}

/// Signs and checks tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// With the key of a database.
    pub fn new(key: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = SLACK.as_secs();
        validation.set_required_spec_claims(&["exp"]);
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
            validation,
        }
    }

    /// A token that is good from now on for an hour.
    pub fn sign(&self, claims: Claims) -> Result<String, jsonwebtoken::errors::Error> {
        self.sign_at(claims, SystemTime::now())
    }

    /// A token that is good from a time on for an hour.
    pub fn sign_at(
        &self,
        claims: Claims,
        now: SystemTime,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let iat = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let exp = iat + LIFE.as_secs();
        let signed = Signed { claims, pid: PROJECT.to_owned(), iat, exp, jti: random_name() };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &signed, &self.encoding)
    }

    /// What a token says, if it is good.
    pub fn check(&self, token: &str) -> Result<Claims, TokenError> {
        let signed = jsonwebtoken::decode::<Signed>(token, &self.decoding, &self.validation);
        match signed {
            Ok(signed) if signed.claims.pid == PROJECT => Ok(signed.claims.claims),
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Err(TokenError::Expired),
            Ok(_) | Err(_) => Err(TokenError::Forged),
        }
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

/// A name that nobody can guess.
pub fn random_name() -> String {
    format!("{:032x}", u128::from_be_bytes(random_bytes()))
}

/// Bytes that nobody can guess.
///
/// # Panics
/// If the operating system has no randomness, without which nothing here would be safe.
#[expect(clippy::expect_used, reason = "documented")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// The body of `POST /v2/authorize-user`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizeUser {
    user_id: String,
    #[serde(default)]
    user_info: Option<Value>,
    #[serde(default)]
    permissions: ScopesBy,
}

/// The body of `POST /v2/identify-user`. Old clients send an object for the id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentifyUser {
    user_id: String,
    #[serde(default)]
    user_info: Option<Value>,
    #[serde(default)]
    group_ids: Vec<String>,
}

impl From<AuthorizeUser> for Claims {
    fn from(body: AuthorizeUser) -> Self {
        let grant = Grant::Access { perms: body.permissions };
        Self { uid: body.user_id, ui: body.user_info, grant }
    }
}

impl From<IdentifyUser> for Claims {
    fn from(body: IdentifyUser) -> Self {
        let grant = Grant::Identity { gids: body.group_ids };
        Self { uid: body.user_id, ui: body.user_info, grant }
    }
}

/// The answer of both.
pub fn answer(token: String) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("token", token)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        let grant = Grant::Identity { gids: vec!["staff".to_owned()] };
        Claims { uid: "u".to_owned(), ui: None, grant }
    }

    #[test]
    fn a_signed_token_says_what_was_signed() {
        let tokens = Tokens::new(b"key");
        let token = tokens.sign(claims()).unwrap();
        assert_eq!(tokens.check(&token), Ok(claims()));
        assert_ne!(tokens.sign(claims()).unwrap(), token, "no token comes twice");
    }

    #[test]
    fn expired_tokens_are_told_from_forged_ones() {
        let tokens = Tokens::new(b"key");
        let ago = |seconds| SystemTime::now() - LIFE - Duration::from_secs(seconds);
        let check = |at| tokens.check(&tokens.sign_at(claims(), at).unwrap());
        assert_eq!(check(ago(10)), Ok(claims()), "clocks may be apart a little");
        assert_eq!(check(ago(60)), Err(TokenError::Expired));
        let foreign = Tokens::new(b"other key").sign(claims()).unwrap();
        assert_eq!(tokens.check(&foreign), Err(TokenError::Forged));
    }

    #[test]
    fn changed_and_unsigned_tokens_are_forged() {
        let tokens = Tokens::new(b"key");
        let token = tokens.sign(claims()).unwrap();
        let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let other = tokens.sign(Claims { uid: "admin".to_owned(), ..claims() }).unwrap();
        let other_body = other.split('.').nth(1).unwrap();
        // {"alg":"none","typ":"JWT"}
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for forged in [
            format!("{header}.{other_body}.{signature}"),
            format!("{none}.{body}."),
            format!("{none}.{body}.{signature}"),
            format!("{header}.{body}."),
            format!("{header}.{body}"),
            String::new(),
            "...".to_owned(),
        ] {
            assert_eq!(tokens.check(&forged), Err(TokenError::Forged), "{forged}");
        }
    }
}
