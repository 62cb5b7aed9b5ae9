package mesh

import (
	"hash/maphash"
	"iter"
	"maps"
)

// tableShards is a power of two. A change copies one shard and the directory of them:
// with 100,000 entries that is 100 entries and 8 KiB.
const tableShards = 1024

var tableSeed = maphash.MakeSeed()

// table is an immutable map; an edit makes another that shares what did not change. A
// plain map would be copied whole at every push, and a tree of hashes would copy less
// and cost more code, memory and time at every look.
type table[K comparable, V any] struct {
	shards *[tableShards]map[K]V // nil: empty
	size   int
}

func shardOf[K comparable](k K) uint64 { return maphash.Comparable(tableSeed, k) % tableShards }

func (t table[K, V]) get(k K) (V, bool) {
	if t.shards == nil {
		var none V
		return none, false
	}
	v, ok := t.shards[shardOf(k)][k]
	return v, ok
}

// at is get for tables whose zero value means "not there".
func (t table[K, V]) at(k K) V {
	v, _ := t.get(k)
	return v
}

// values yields every value, in no order.
func (t table[K, V]) values() iter.Seq[V] {
	return func(yield func(V) bool) {
		if t.shards == nil {
			return
		}
		for _, shard := range t.shards {
			for _, v := range shard {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// edit begins a changed copy of the table.
func (t table[K, V]) edit() *tableEdit[K, V] { return &tableEdit[K, V]{table: t} }

// tableEdit is a table that is being made. It reads its own changes.
type tableEdit[K comparable, V any] struct {
	table[K, V]
	own   bool              // the directory is this edit's own
	owned [tableShards]bool // and so are these shards
}

func (e *tableEdit[K, V]) shard(k K) map[K]V {
	if !e.own {
		e.own = true
		shards := new([tableShards]map[K]V)
		if e.shards != nil {
			*shards = *e.shards
		}
		e.shards = shards
	}
	i := shardOf(k)
	if !e.owned[i] {
		e.owned[i] = true
		if e.shards[i] == nil {
			e.shards[i] = map[K]V{}
		} else {
			e.shards[i] = maps.Clone(e.shards[i])
		}
	}
	return e.shards[i]
}

func (e *tableEdit[K, V]) set(k K, v V) {
	shard := e.shard(k)
	if _, ok := shard[k]; !ok {
		e.size++
	}
	shard[k] = v
}

func (e *tableEdit[K, V]) remove(k K) {
	if _, ok := e.get(k); !ok {
		return
	}
	delete(e.shard(k), k)
	e.size--
}
