// A client or a server of quic-go, for stacks.rs: as aioquic_peer.py, with the option --groups more.
// It is built from the packages of Debian 12, without modules. The version of quic-go is in the name of its folder there:
// GOPATH=/usr/share/gocode GO111MODULE=off go build quic_go_peer.go
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
	_ "unsafe" // for the interval of key updates

	"github.com/lucas-clemente/quic-go"
	"github.com/lucas-clemente/quic-go/logging"
)

// The number of packets before a key update. quic-go has no call that updates keys, and changes this in its
// own tests.
//
//go:linkname keyUpdateInterval github.com/lucas-clemente/quic-go/internal/handshake.KeyUpdateInterval
var keyUpdateInterval uint64

var (
	address   = flag.String("address", "", "the server's port")
	authority = flag.String("authority", "", "that of the server")
	chain     = flag.String("chain", "", "of this end")
	key       = flag.String("key", "", "of this end")
	clients   = flag.String("clients", "", "the authority of clients")
	first     = flag.String("first", "", "the port to connect to before, for a session")
	protocol  = flag.String("protocol", "test/1", "the application protocol")
	groups    = flag.String("groups", "", "numbers")
	suites    = flag.String("suites", "", "numbers")
	versions  = flag.String("versions", "1", "numbers")
	length    = flag.Int("length", 5, "of what a client sends")
	early     = flag.Bool("early", false, "0-RTT data")
	retry     = flag.Bool("retry", false, "a server sends a Retry")
	updates   = flag.Bool("updates", false, "this end updates its keys")
)

type tracer struct {
	logging.NullTracer
}

func (tracer) TracerForConnection(context.Context, logging.Perspective, logging.ConnectionID) logging.ConnectionTracer {
	return connectionTracer{}
}

type connectionTracer struct {
	logging.NullConnectionTracer
}

func (connectionTracer) UpdatedKey(_ logging.KeyPhase, remote bool) {
	fmt.Println("key update: remote", remote)
}

func (connectionTracer) ReceivedVersionNegotiationPacket(*logging.Header, []logging.VersionNumber) {
	fmt.Println("a Version Negotiation packet came")
}

func (connectionTracer) ClosedConnection(err error) {
	reportEnd(err)
}

func reportEnd(err error) {
	var closed *quic.TransportError
	if errors.As(err, &closed) {
		fmt.Printf("closed: code %#x, %s\n", uint64(closed.ErrorCode), closed.ErrorMessage)
	}
}

// Tickets that a client has, and a signal for each.
type sessions struct {
	tls.ClientSessionCache
	put chan struct{}
}

func (s sessions) Put(key string, session *tls.ClientSessionState) {
	s.ClientSessionCache.Put(key, session)
	s.put <- struct{}{}
}

func check(err error) {
	if err != nil {
		// The tracer may not have done so yet.
		reportEnd(err)
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func numbers[N tls.CurveID | uint16 | quic.VersionNumber](text string) (result []N) {
	for _, number := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		parsed, err := strconv.ParseUint(number, 0, 32)
		check(err)
		result = append(result, N(parsed))
	}
	return result
}

func pool(file string) *x509.CertPool {
	text, err := os.ReadFile(file)
	check(err)
	result := x509.NewCertPool()
	result.AppendCertsFromPEM(text)
	return result
}

func tlsConfig() *tls.Config {
	config := &tls.Config{
		ServerName:       "server.example",
		NextProtos:       []string{*protocol},
		CurvePreferences: numbers[tls.CurveID](*groups),
		CipherSuites:     numbers[uint16](*suites),
		MinVersion:       tls.VersionTLS13,
	}
	if *chain != "" {
		certificate, err := tls.LoadX509KeyPair(*chain, *key)
		check(err)
		config.Certificates = []tls.Certificate{certificate}
	}
	if *authority != "" {
		config.RootCAs = pool(*authority)
	}
	if *clients != "" {
		config.ClientCAs = pool(*clients)
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// All servers have the same, so that one takes the tickets of another.
	config.SetSessionTicketKeys([][32]byte{{7}})
	return config
}

func quicConfig() *quic.Config {
	return &quic.Config{
		RequireAddressValidation: func(net.Addr) bool { return *retry },
		Tracer:                   tracer{},
		Versions:                 numbers[quic.VersionNumber](*versions),
	}
}

func report(connection quic.Connection) {
	state := connection.ConnectionState().TLS
	fmt.Printf("connected: protocol %s, resumed %s, early data %s\n", state.NegotiatedProtocol,
		python(state.DidResume), python(state.Used0RTT))
	if len(state.PeerCertificates) > 0 {
		fmt.Println("the peer has a certificate")
	}
}

// As Python writes it.
func python(value bool) string {
	if value {
		return "True"
	}
	return "False"
}

func echo(connection quic.Connection) {
	for {
		stream, err := connection.AcceptStream(context.Background())
		if err != nil {
			return
		}
		go func() {
			io.Copy(stream, stream)
			stream.Close()
		}()
	}
}

func serve() {
	if *early {
		listener, err := quic.ListenAddrEarly("127.0.0.1:0", tlsConfig(), quicConfig())
		check(err)
		fmt.Println("port", listener.Addr().(*net.UDPAddr).Port)
		for {
			connection, err := listener.Accept(context.Background())
			check(err)
			go echo(connection)
			go func() {
				<-connection.HandshakeComplete().Done()
				report(connection)
			}()
		}
	}
	listener, err := quic.ListenAddr("127.0.0.1:0", tlsConfig(), quicConfig())
	check(err)
	fmt.Println("port", listener.Addr().(*net.UDPAddr).Port)
	for {
		connection, err := listener.Accept(context.Background())
		check(err)
		report(connection)
		go echo(connection)
	}
}

func echoOnce(connection quic.Connection, data []byte) {
	stream, err := connection.OpenStreamSync(context.Background())
	check(err)
	go func() {
		writer := bufio.NewWriterSize(stream, 65_536)
		writer.Write(data)
		writer.Flush()
		stream.Close()
	}()
	received, err := io.ReadAll(stream)
	if errors.Is(err, quic.Err0RTTRejected) {
		fmt.Println("0-RTT data were rejected")
		echoOnce(connection.(quic.EarlyConnection).NextConnection(), data)
		return
	}
	check(err)
	if !bytes.Equal(received, data) {
		check(fmt.Errorf("%d bytes of %d came back", len(received), len(data)))
	}
	fmt.Println("echoed", len(data))
}

func connect() {
	config := tlsConfig()
	cache := sessions{tls.NewLRUClientSessionCache(1), make(chan struct{}, 100)}
	config.ClientSessionCache = cache
	if *first != "" {
		connection, err := quic.DialAddr("127.0.0.1:"+*first, config, quicConfig())
		check(err)
		echoOnce(connection, []byte("first"))
		<-cache.put
		connection.CloseWithError(0, "")
	}
	data := make([]byte, *length)
	for number := range data {
		data[number] = byte(number * number / 7 % 251)
	}
	target := "127.0.0.1:" + *address
	if *early {
		connection, err := quic.DialAddrEarly(target, config, quicConfig())
		check(err)
		echoOnce(connection, data)
		<-connection.HandshakeComplete().Done()
		report(connection)
		connection.CloseWithError(0, "")
		return
	}
	connection, err := quic.DialAddr(target, config, quicConfig())
	check(err)
	report(connection)
	echoOnce(connection, data)
	if *updates {
		echoOnce(connection, data)
	}
	// The server may refuse this end's certificate now.
	time.Sleep(100 * time.Millisecond)
	if connection.Context().Err() != nil {
		os.Exit(1)
	}
	connection.CloseWithError(0, "")
}

func main() {
	if len(os.Args) == 1 {
		fmt.Println("a peer over quic-go")
		return
	}
	flag.CommandLine.Parse(os.Args[2:])
	if *updates {
		keyUpdateInterval = 3
	}
	switch os.Args[1] {
	case "server":
		serve()
	case "client":
		connect()
	}
}
