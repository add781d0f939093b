package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/plan"
)

// compare holds the registry against the model.
func (m *model) compare(when string) {
	w := m.w
	now := w.clock.now()
	var people []string
	for _, h := range m.humans {
		switch {
		case h.there:
			h.gone, h.deleted, h.synced = time.Time{}, false, h.uid
		case h.gone.IsZero():
			h.gone = now
		case now.Sub(h.gone) >= grace-time.Hour:
			h.deleted = true
		}
	}
	for _, h := range m.humans {
		if h.user == "" {
			if h.anchor = m.anchorOf(h); h.anchor == "" {
				continue // came and went between two runs
			}
			h.user = w.rows(`SELECT user_id FROM links WHERE anchor = '%s'`, h.anchor)[0]
		}
		state := "on"
		switch {
		case h.deleted:
			state = "deleted"
		case !h.there || h.disabled:
			state = "off"
		}
		people = append(people, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", h.user, state, m.shown(h), m.address(h))))
	}
	got := w.rows(`SELECT u.id, CASE WHEN u.deleted_at > 0 THEN 'deleted' WHEN u.enabled THEN 'on' ELSE 'off' END, u.user_name, coalesce(e.address, '')
		FROM users u LEFT JOIN emails e ON e.user_id = u.id`)
	slices.Sort(people)
	slices.Sort(got)
	want(w.t, when+": people", got, people)
	want(w.t, when+": members", w.members(), m.members())
	m.compareMails(when)
	w.sound()
	w.idle()
}

// compareMails holds the mails there ever were against those there should be. Here
// nobody ever sets a password, so everybody with an open account has one link that
// works and the mail with it; it ends with the account and with the address, and
// who comes back or gets another address gets another.
func (m *model) compareMails(when string) {
	var mails []string
	for _, h := range m.humans {
		switch {
		case !h.there || h.disabled:
			h.invited = ""
		case h.mail == "":
			h.invited = ""
		case h.invited != h.mail:
			h.invited = h.mail
			h.told = append(h.told, h.mail)
		}
		for _, address := range h.told {
			mails = append(mails, h.user+" "+address)
		}
	}
	got := m.w.rows(`SELECT user_id, address FROM mails`)
	slices.Sort(mails)
	slices.Sort(got)
	want(m.w.t, when+": mails", got, mails)
}

// shown and address are what the registry last heard, which for those gone is
// what it keeps.
func (m *model) shown(h *human) string {
	if h.there {
		return h.uid
	}
	return m.w.rows(`SELECT user_name FROM users WHERE id = %s`, h.user)[0]
}

func (m *model) address(h *human) string {
	if h.there {
		return h.mail
	}
	return m.w.rows(`SELECT coalesce(max(address), '') FROM emails WHERE user_id = %s`, h.user)[0]
}

// anchorOf asks the server, "" for someone who is not there.
func (m *model) anchorOf(h *human) string {
	if !h.there {
		return ""
	}
	id, err := m.id(h)
	m.must(err)
	return id
}

// members are the memberships there should be.
func (m *model) members() []string {
	set := map[string]bool{}
	for i, g := range m.teams {
		if !g.there {
			continue
		}
		below := map[int]bool{i: true}
		if m.nested == plan.NestedFlatten {
			m.descend(i, below)
		}
		for j := range below {
			for k, in := range m.teams[j].members {
				if in && m.humans[k].there {
					set[g.cn+" corp "+m.humans[k].uid] = true
				}
			}
			for _, h := range m.humans {
				if h.there && h.primary == m.teams[j] {
					set[g.cn+" corp "+h.uid] = true
				}
			}
		}
		for j, in := range g.inner {
			if in && j != i && m.nested == plan.NestedKeep {
				set[g.cn+" corp :"+m.teams[j].cn] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (m *model) descend(i int, seen map[int]bool) {
	for j, in := range m.teams[i].inner {
		if in && !seen[j] {
			seen[j] = true
			m.descend(j, seen)
		}
	}
}
