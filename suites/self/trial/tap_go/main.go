// A grpc-go client for the tap's tests: it does what the lines on stdin say and prints what it saw, one JSON line each.
//
//	unary PATH HEX TIMEOUT_MS [gzip]   one call; TIMEOUT_MS 0 means no deadline
//	open PATH HEX                      open a server stream
//	read N                             read N messages of it
//	cancel                             cancel it
//	drain                              read it until it ends
//	close                              close the connection
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (raw) Name() string                       { return "proto" }

type saw struct {
	Code  string `json:"code"`
	Reply string `json:"reply"`
}

func say(reply []byte, err error) {
	line, _ := json.Marshal(saw{status.Code(err).String(), hex.EncodeToString(reply)})
	fmt.Println(string(line))
}

func main() {
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		panic(err)
	}
	var stream grpc.ClientStream
	var cancel context.CancelFunc
	read := func() error {
		var reply []byte
		err := stream.RecvMsg(&reply)
		if err != nil {
			if err.Error() == "EOF" {
				err = nil
			}
			say(nil, err)
			return fmt.Errorf("over")
		}
		say(reply, nil)
		return nil
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		word := strings.Split(lines.Text(), " ")
		switch word[0] {
		case "unary":
			request, _ := hex.DecodeString(word[2])
			ms, _ := strconv.Atoi(word[3])
			ctx := context.Background()
			if ms > 0 {
				var done context.CancelFunc
				ctx, done = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
				defer done()
			}
			var options []grpc.CallOption
			if len(word) > 4 {
				options = append(options, grpc.UseCompressor(gzip.Name))
			}
			var reply []byte
			err := conn.Invoke(ctx, word[1], &request, &reply, options...)
			say(reply, err)
		case "open":
			request, _ := hex.DecodeString(word[2])
			var ctx context.Context
			ctx, cancel = context.WithCancel(context.Background())
			stream, err = conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, word[1])
			if err == nil {
				err = stream.SendMsg(&request)
			}
			if err == nil {
				err = stream.CloseSend()
			}
			say(nil, err)
		case "read":
			n, _ := strconv.Atoi(word[1])
			for ; n > 0; n-- {
				if read() != nil {
					break
				}
			}
		case "cancel":
			cancel()
			say(nil, nil)
		case "drain":
			for read() == nil {
			}
		case "close":
			say(nil, conn.Close())
		}
	}
}
