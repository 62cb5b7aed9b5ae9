package keeper

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes reads "64MiB", "64Mi" or a number of bytes in YAML.
type Bytes int64

var byteUnits = []struct {
	suffix string
	size   int64
}{{"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}}

// UnmarshalJSON implements json.Unmarshaler; YAML numbers arrive without quotes.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	s := strings.TrimSuffix(strings.Trim(string(text), `"`), "B")
	unit := int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = rest, u.size
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/maxScale/unit {
		return fmt.Errorf("%s is no size such as 64MiB", text)
	}
	*b = Bytes(n * unit)
	return nil
}

// maxScale keeps a size times the workloads of a cell within an int64.
const maxScale = 1 << 20
