package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/usherd/usher/ent/schema/mixin"
)

// SetupLink is a mailed, single-use, expiring link with which a person sets a
// password. Only the hash of its token is stored.
type SetupLink struct{ ent.Schema }

// Mixin of SetupLink.
func (SetupLink) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of SetupLink.
func (SetupLink) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("user_id").Immutable(),
		field.String("uid").Immutable().Comment("what the token is derived from"),
		field.String("purpose").Immutable().Comment("setup or reset"),
		field.Bytes("token_hash").Immutable().Comment("SHA-256 of the token"),
		field.String("address").Immutable().Comment("where it was mailed; a changed address supersedes it"),
		field.Int64("application_id").Default(0).Immutable().Comment("the registration that following it completes, 0 for none"),
		field.Int64("credential_version").Immutable(),
		field.Int64("created_at").Immutable(),
		field.Int64("expires_at"),
		field.Int64("used_at").Default(0),
		field.Int64("superseded_at").Default(0),
	}
}

// Indexes of SetupLink. A person has at most one live link for a purpose.
func (SetupLink) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("uid").Unique(),
		index.Fields("token_hash").Unique(),
		index.Fields("user_id", "purpose").Unique().Annotations(entsql.IndexWhere("(used_at = 0) AND (superseded_at = 0)")),
		index.Fields("user_id"),
	}
}

// Mail is one message in the queue or sent from it.
type Mail struct{ ent.Schema }

// Mixin of Mail.
func (Mail) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Mail.
func (Mail) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("user_id").Immutable(),
		field.String("kind").Immutable(),
		field.String("link_uid").Default("").Immutable(),
		field.String("address").Immutable(),
		field.String("message_id").Immutable(),
		field.String("state").Comment("queued, held, sent, failed, cancelled"),
		field.Int("attempts").Default(0),
		field.Int64("next_try").Default(0).Comment("0 unless queued"),
		field.Int64("claimed_until").Default(0).Comment("by the database's clock"),
		field.String("code").Default(""),
		field.String("message").Default(""),
		field.JSON("data", map[string]string{}).Optional().Comment("what the words of this kind need beyond the person and the link"),
		field.Int64("created_at").Immutable(),
		field.Int64("released_at").Default(0).Comment("when a mail that was held went to the queue"),
		field.Int64("finished_at").Default(0),
	}
}

// Indexes of Mail. The last one lists mails of a state and counts those that are not sent.
func (Mail) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("message_id").Unique(),
		index.Fields("next_try").Annotations(entsql.IndexWhere("next_try <> 0")),
		index.Fields("user_id"),
		index.Fields("company_id", "state", "id").StorageKey("mail_states"),
	}
}

// MailAttempt is one try to deliver a mail.
type MailAttempt struct{ ent.Schema }

// Mixin of MailAttempt.
func (MailAttempt) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of MailAttempt.
func (MailAttempt) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("mail_id").Immutable(),
		field.Int64("at").Immutable(),
		field.String("outcome").Immutable(),
		field.String("code").Default("").Immutable(),
		field.String("message").Default("").Immutable(),
	}
}

// Indexes of MailAttempt.
func (MailAttempt) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("mail_id"),
		index.Fields("company_id", "at"),
	}
}

// Token is a bearer token of a connection; only its hash is stored.
type Token struct{ ent.Schema }

// Mixin of Token.
func (Token) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Token.
func (Token) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("origin_id").Immutable(),
		field.Bytes("token_hash").Immutable(),
		field.String("prefix").Immutable().Comment("the first characters, to tell tokens apart"),
		field.JSON("scopes", []string{}).Optional(),
		field.String("name").Default("").Comment("what it is for, in its maker's words"),
		field.Int64("told_at").Default(0).Comment("when somebody was told that it ends soon"),
		field.Int64("client_id").Default(0).Immutable().Comment("the OAuth client it was given to, 0 for a token given by hand"),
		field.Int64("user_id").Default(0).Immutable().Comment("the person it speaks for, 0 for the connection itself"),
		field.Int64("created_at").Immutable(),
		field.Int64("expires_at").Default(0),
		field.Int64("last_used_at").Default(0),
		field.Int64("revoked_at").Default(0),
	}
}

// Indexes of Token.
func (Token) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("token_hash").Unique(),
		index.Fields("origin_id"),
		index.Fields("expires_at").Annotations(entsql.IndexWhere("client_id <> 0")),
	}
}

// OAuthClient is a connection's credential for the client credentials grant
// (RFC 6749 section 4.4): a secret, of which only the hash is stored, or whoever
// can sign an assertion (RFC 7523) with an issuer's keys.
type OAuthClient struct{ ent.Schema }

// Mixin of OAuthClient.
func (OAuthClient) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of OAuthClient.
func (OAuthClient) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("origin_id").Immutable(),
		field.String("client_id").Immutable(),
		field.Bytes("secret_hash").Optional().Comment("SHA-256 of the secret; none for a client that signs assertions"),
		field.String("issuer").Default("").Comment("iss, sub and aud that an assertion must carry"),
		field.String("subject").Default(""),
		field.String("audience").Default(""),
		field.String("jwks_uri").Default("").Comment("where the issuer's keys are"),
		field.Int64("created_at").Immutable(),
		field.Int64("expires_at").Default(0),
		field.Int64("last_used_at").Default(0),
		field.Int64("revoked_at").Default(0),
	}
}

// Indexes of OAuthClient.
func (OAuthClient) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("client_id").Unique(),
		index.Fields("origin_id"),
	}
}

// ScimRequest is a row of a connection's request log.
type ScimRequest struct{ ent.Schema }

// Mixin of ScimRequest.
func (ScimRequest) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of ScimRequest.
func (ScimRequest) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("origin_id").Immutable(),
		field.Int64("at").Immutable(),
		field.String("request_id").Immutable(),
		field.String("method").Immutable(),
		field.String("path").Immutable(),
		field.Int("status").Immutable(),
		field.String("scim_type").Default("").Immutable(),
		field.String("detail").Default("").Immutable(),
		field.String("resource").Default("").Immutable(),
		field.Int64("micros").Default(0).Immutable().Comment("how long it took"),
		field.String("body").Default("").Immutable().Comment("redacted and capped; kept for failures"),
	}
}

// Indexes of ScimRequest.
func (ScimRequest) Indexes() []ent.Index { return []ent.Index{index.Fields("origin_id", "at")} }

// Session is a signed-in browser. It carries its user, so that deactivation and
// a changed password end it at once.
type Session struct{ ent.Schema }

// Mixin of Session.
func (Session) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Company{}} }

// Fields of Session. Nobody has a session before signing in.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.String("token_hash").Immutable().Comment("SHA-256 of the cookie's token, base64url"),
		field.Int64("user_id"),
		field.Int64("credential_version").Comment("the user's at sign-in; the session ends when it moves"),
		field.String("address").Default(""),
		field.String("agent").Default("").Comment("the browser's own description, capped"),
		field.String("method").Default("").Comment("how its person signed in: password, or the name of a provider"),
		field.Int64("factor_at").Default(0).Comment("when a second factor was last shown, 0 for never"),
		field.Int64("created_at").Immutable(),
		field.Int64("seen_at"),
		field.Int64("expires_at"),
	}
}

// Indexes of Session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("token_hash").Unique(),
		index.Fields("user_id"),
		index.Fields("expires_at"),
	}
}

// Process is a running usher: what stands in the way of a migration under a
// live server, and of two servers with different files.
type Process struct{ ent.Schema }

// Mixin of Process.
func (Process) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Fields of Process.
func (Process) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Comment("host, process id and a random part"),
		field.String("version").Default(""),
		field.String("config_hash").Default(""),
		field.Int64("started_at").Immutable(),
		field.Int64("alive_until").Comment("by the database's clock"),
	}
}

// Indexes of Process.
func (Process) Indexes() []ent.Index { return []ent.Index{index.Fields("name").Unique()} }

// Backup is a copy of a SQLite database that was made or tried.
type Backup struct{ ent.Schema }

// Mixin of Backup.
func (Backup) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Fields of Backup.
func (Backup) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("at").Immutable().Comment("when it was ended"),
		field.String("file").Immutable(),
		field.Int64("bytes").Default(0).Immutable(),
		field.String("problem").Default("").Immutable().Comment("why there is none, empty for one that was checked and found whole"),
	}
}

// Indexes of Backup.
func (Backup) Indexes() []ent.Index { return []ent.Index{index.Fields("at")} }
