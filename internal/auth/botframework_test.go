package auth_test

import (
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/testkit/issuer"
)

func TestBotTokens(t *testing.T) {
	const app, service = "11111111-2222-3333-4444-555555555555", "https://smba.trafficmanager.net/emea/"
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	clock := now
	bot, stranger := issuer.New(t).NewBot("msteams", "webchat"), issuer.New(t)
	judge := auth.NewBotTokens(app, bot.Metadata(), func() time.Time { return clock })
	claims := func(change ...any) map[string]any {
		c := map[string]any{
			"iss": auth.BotIssuer, "aud": app, "serviceurl": service, "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
		}
		for i := 0; i < len(change); i += 2 {
			if name := change[i].(string); change[i+1] == nil {
				delete(c, name)
			} else {
				c[name] = change[i+1]
			}
		}
		return c
	}
	hmac := issuer.SignWith(t, "HS256", []byte("0123456789abcdef0123456789abcdef"), claims())
	for _, c := range []struct {
		what, token, service, channel string
		holds                         bool
	}{
		{"good", bot.Sign("RS256", claims()), service, "msteams", true},
		{"other channel of the key", bot.Sign("RS256", claims()), service, "webchat", true},
		{"four minutes late", bot.Sign("RS256", claims("exp", now.Add(-4*time.Minute).Unix())), service, "msteams", true},
		{"six minutes late", bot.Sign("RS256", claims("exp", now.Add(-6*time.Minute).Unix())), service, "msteams", false},
		{"six minutes early", bot.Sign("RS256", claims("nbf", now.Add(6*time.Minute).Unix())), service, "msteams", false},
		{"no end", bot.Sign("RS256", claims("exp", nil)), service, "msteams", false},
		{"emulator's issuer", bot.Sign("RS256", claims("iss", "https://login.microsoftonline.com/x/v2.0")), service, "msteams", false},
		{"no issuer", bot.Sign("RS256", claims("iss", nil)), service, "msteams", false},
		{"another bot's", bot.Sign("RS256", claims("aud", "other")), service, "msteams", false},
		{"no audience", bot.Sign("RS256", claims("aud", nil)), service, "msteams", false},
		{"another service", bot.Sign("RS256", claims()), "https://evil.example/", "msteams", false},
		{"no service in the token", bot.Sign("RS256", claims("serviceurl", nil)), service, "msteams", false},
		{"no service anywhere", bot.Sign("RS256", claims("serviceurl", "")), "", "msteams", false},
		{"a channel it may not speak for", bot.Sign("RS256", claims()), service, "slack", false},
		{"no channel", bot.Sign("RS256", claims()), service, "", false},
		{"PS256", bot.Sign("PS256", claims()), service, "msteams", false},
		{"ES256", bot.Sign("ES256", claims()), service, "msteams", false},
		{"HS256", hmac, service, "msteams", false},
		{"a stranger's key of the same name", stranger.Sign("RS256", claims()), service, "msteams", false},
		{"no token", "", service, "msteams", false},
		{"unsigned", "eyJhbGciOiJub25lIn0.e30.", service, "msteams", false},
	} {
		if err := judge.Verify(t.Context(), c.token, c.service, c.channel); (err == nil) != c.holds {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if n := bot.KeyFetches(); n != 1 {
		t.Errorf("fetched the keys %d times", n)
	}
	bot.Rotate()
	if err := judge.Verify(t.Context(), bot.Sign("RS256", claims()), service, "msteams"); err != nil {
		t.Errorf("after the keys changed: %v", err)
	}
	stranger.Rotate()
	stranger.Rotate()
	for range 50 {
		if judge.Verify(t.Context(), stranger.Sign("RS256", claims()), service, "msteams") == nil {
			t.Fatal("a stranger's token holds")
		}
	}
	if n := bot.KeyFetches(); n > 4 {
		t.Errorf("made-up keys had them fetched %d times", n)
	}
}
