// The Merkle root of 20,000 leaves as CometBFT's crypto/merkle computes it: recursively, by crypto/sha256.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

func root(leaves [][]byte) []byte {
	hash := sha256.New()
	if len(leaves) == 1 {
		hash.Write([]byte{0})
		hash.Write(leaves[0])
		return hash.Sum(nil)
	}
	split := 1 << (bits.Len(uint(len(leaves)-1)) - 1)
	left, right := root(leaves[:split]), root(leaves[split:])
	hash.Write([]byte{1})
	hash.Write(left)
	hash.Write(right)
	return hash.Sum(nil)
}

func main() {
	leaves := make([][]byte, 20_000)
	for i := range leaves {
		leaf := sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i)))
		leaves[i] = leaf[:]
	}
	times := make([]time.Duration, 31)
	var hash []byte
	for i := range times {
		start := time.Now()
		hash = root(leaves)
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	fmt.Printf("%x %f\n", hash, float64(times[len(times)/2].Microseconds())/1000)
}
