package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// maxDocument is the longest document of a resource, in bytes.
const maxDocument = 1 << 20

// maxUnique is how many unique values one resource may have.
const maxUnique = 500

// loadResources reads the resources that the operations name, and who holds the
// unique values they ask for.
func (u *unit) loadResources(ctx context.Context, tx Tx) error {
	ids, asked := map[ResourceID]bool{}, map[string][]UniqueValue{}
	for i, op := range u.b.Ops {
		if u.results[i].Refused != nil {
			continue
		}
		switch op := op.(type) {
		case PutResource:
			if op.Resource != 0 {
				ids[op.Resource] = true
			}
			asked[op.Type] = append(asked[op.Type], u.uniqueOf(op)...)
		case DeleteResource:
			ids[op.Resource] = true
		}
	}
	if len(ids) > 0 {
		list, err := tx.Resources(ctx, slices.Sorted(maps.Keys(ids)))
		if err != nil {
			return err
		}
		for _, r := range list {
			u.resources[r.ID] = r
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(asked)) {
		held, err := tx.HeldValues(ctx, kind, asked[kind])
		if err != nil {
			return err
		}
		for _, h := range held {
			u.held[heldKey{kind, h.UniqueValue}] = h.Resource
		}
	}
	return nil
}

// heldKey is a unique value of a type.
type heldKey struct {
	kind  string
	value UniqueValue
}

// longestKey is the longest value that is kept as it is; of a longer one the
// hash is kept, because indexes have a limit.
const longestKey = 256

// uniqueOf are the values that a resource would hold: those it says, and its
// externalId at this origin.
func (u *unit) uniqueOf(op PutResource) []UniqueValue {
	var out []UniqueValue
	if op.ExternalID != "" {
		out = append(out, UniqueValue{fmt.Sprintf("externalid at %d", u.b.Origin.ID), op.ExternalID})
	}
	out = append(out, op.Unique...)
	for i, v := range out {
		if len(v.Key) > longestKey {
			sum := sha256.Sum256([]byte(v.Key))
			out[i].Key = "sha256:" + hex.EncodeToString(sum[:])
		}
	}
	return out
}

// mayPutResource finds the resource an assertion is about, and refuses what
// another origin owns and values that another resource has.
func (u *unit) mayPutResource(s *subject, op PutResource) *Error {
	if op.Resource != 0 {
		if err := u.ownResource(s, op.Resource, op.IfVersion); err != nil {
			return err
		}
		if s.resource.Type != op.Type {
			return Refuse(CodeNotFound, "there is no such resource")
		}
	}
	unique := u.uniqueOf(op)
	for _, v := range unique {
		if holder, taken := u.held[heldKey{op.Type, v}]; taken && (holder != op.Resource || holder == 0) {
			return Refuse(CodeValueTaken, "another %s has this %s", op.Type, shortName(v.Attribute))
		}
	}
	for _, v := range unique { // of two that ask for one value, the earlier wins
		u.held[heldKey{op.Type, v}] = op.Resource
	}
	return nil
}

// shortName is an attribute's name as a message shows it.
func shortName(attribute string) string {
	if len(attribute) > len("externalid at") && attribute[:len("externalid at")] == "externalid at" {
		return "externalId"
	}
	return attribute
}

// ownResource finds a living resource of the batch's own origin.
func (u *unit) ownResource(s *subject, id ResourceID, ifVersion int64) *Error {
	r := u.resources[id]
	if r == nil || !r.DeletedAt.IsZero() {
		return Refuse(CodeNotFound, "there is no such resource")
	}
	s.resource = r
	if r.Owner != u.b.Origin.ID {
		return Refuse(CodeForeignOwner, "the %s belongs to another origin", r.Type)
	}
	return stale(r.Version, ifVersion)
}

// putResource makes the registry agree with what the connection says.
func (u *unit) putResource(i int, op PutResource) {
	r := u.subject[i].resource
	after := resourceFacts(op.ExternalID, op.Document)
	if r == nil {
		r = &Resource{
			PublicID: u.r.NewID(), Company: u.b.Company, Type: op.Type, ExternalID: op.ExternalID, Document: op.Document,
			Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
		}
		u.subject[i].resource = r
		u.w.Resources = append(u.w.Resources, ResourceWrite{r, u.uniqueOf(op)})
		u.change(i, ActionCreate, "", r.Version, Payload{After: after})
		return
	}
	was, is := diff(resourceFacts(r.ExternalID, r.Document), after)
	if len(was)+len(is) == 0 {
		return
	}
	r.ExternalID, r.Document = op.ExternalID, op.Document
	u.writeResource(r, u.uniqueOf(op))
	u.change(i, ActionUpdate, "", r.Version, Payload{Before: was, After: is})
}

// deleteResource ends a resource.
func (u *unit) deleteResource(i int) {
	r := u.subject[i].resource
	r.DeletedAt = u.now
	u.writeResource(r, nil)
	u.change(i, ActionDelete, "deleted_at_origin", r.Version, Payload{Before: resourceFacts(r.ExternalID, r.Document)})
}

// writeResource has the row of a resource written that exists already; of
// several writes in a batch the last one's values count.
func (u *unit) writeResource(r *Resource, unique []UniqueValue) {
	if u.once("version", r) {
		r.Version++
	}
	r.UpdatedAt = u.now
	u.w.Resources = append(slices.DeleteFunc(u.w.Resources, func(w ResourceWrite) bool { return w.Resource == r }), ResourceWrite{r, unique})
}

// resourceFacts are the values a change row shows.
func resourceFacts(external string, document []byte) Attributes {
	a := Attributes{"document": {string(document)}}
	a.Set("externalId", external)
	return a
}

// badResource finds the first value of an assertion that cannot be kept.
func badResource(op PutResource) *Error {
	switch {
	case op.Type == "" || len(op.Document) == 0:
		return Refuse(CodeInvalidValue, "a resource needs a type and a document")
	case len(op.Unique) > maxUnique:
		return Refuse(CodeInvalidValue, "a resource has at most %d unique values, not %d", maxUnique, len(op.Unique))
	}
	for _, v := range op.Unique {
		if err := badText(v.Attribute, v.Key, maxDocument); err != nil {
			return err
		}
	}
	return firstError(badText("the document", string(op.Document), maxDocument), badText("the externalId", op.ExternalID, maxAnchor))
}
