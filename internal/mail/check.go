package mail

import (
	"context"
	"crypto/tls"
)

// Check connects to the mail server as a sender would, signs in where there is
// something to sign in with, and says goodbye. The state is nil for a connection
// that is not encrypted.
func (t *Transport) Check(ctx context.Context) (*tls.ConnectionState, error) {
	c, err := dial(ctx, t.server, t.timeout)
	if err != nil {
		return nil, err
	}
	defer c.quit()
	if conn, ok := c.raw.(*tls.Conn); ok {
		state := conn.ConnectionState()
		return &state, nil
	}
	state, err := c.client.GetTLSConnectionState()
	if err != nil {
		return nil, nil //nolint:nilnil // that there is none is the answer
	}
	return state, nil
}
