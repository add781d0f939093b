package sambaad

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
)

func TestServer(t *testing.T) {
	s := Start(t)
	err := s.Admin(func(c *ldap.Conn) error {
		if err := AddUser(c, "ada", map[string][]string{"mail": {"ada@example.test"}}); err != nil {
			return err
		}
		return AddGroup(c, "staff", UserDN("ada"))
	})
	if err != nil {
		t.Fatal(err)
	}
}
