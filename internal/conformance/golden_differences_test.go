package conformance_test

import (
	"slices"
)

// Parts of the lines that player.observe writes.
const (
	siteURL      = "http://localhost:3000"
	apiURL       = siteURL + "/api/auth"
	attributes   = " Path=/ HttpOnly SameSite=Lax"
	newCSRF      = "cookie csrf-token" + attributes + " = signed <new csrf>"
	newURL       = "cookie callback-url" + attributes + " = "
	clearFlow    = "cookie state.<flow>" + attributes + " Max-Age=0 = cleared"
	jsonString   = `"(?:[^"\\]|\\.)*"`
	badRequestV4 = "status 400\ntype text/plain\ntext Unknown path, method or provider below /api/auth."
	badRequestV5 = "status 400\ntype application/json\njson \"Bad request.\""
)

// The user Ada in the recorded applications, and the effect of her sign-in.
const (
	ada        = `{"email":"ada@example.com","name":"Ada","sub":"1"}`
	adaUser    = `"user":{"email":"ada@example.com","id":"1","name":"Ada","role":"admin"}`
	adaAccount = `"account":{"provider":"credentials","providerAccountId":"1","type":"credentials"}`
	adaCookie  = "cookie session-token" + attributes + " Expires=43200m = sealed for 2592000s " + ada
	adaSignsIn = `call authorize {"credentials":{"password":"pw","username":"ada"}}` +
		"\n" + `call callback:signIn {` + adaAccount + `,"credentials":{"password":"pw","username":"ada"},` + adaUser + `}` +
		"\n" + `call callback:jwt {` + adaAccount + `,"token":` + ada + `,"trigger":"signIn",` + adaUser + `}` +
		"\n" + `call event:signIn {` + adaAccount + `,` + adaUser + `}`
)

// The forms of the sign-in page.
const signInForms = "form POST " + apiURL + "/callback/credentials hidden:csrfToken:" +
	" text:username:input-username-for-credentials-provider password:password:input-password-for-credentials-provider" +
	"\nform POST " + apiURL + "/signin/fakeoauth hidden:csrfToken: hidden:callbackUrl:" +
	"\nform POST " + apiURL + "/signin/fakeoidc hidden:csrfToken: hidden:callbackUrl:"

// Sets of edits.
var (
	toJSON = []edit{
		{`^status 302$`, "status 200"}, {`^type $`, "type application/json"},
	}
	toBadRequestV5 = []edit{
		{`^location .*`, "location "}, {`^type .*`, ""}, {`^status .*`, badRequestV5},
	}
	toBadRequestV4 = []edit{
		{`^location .*`, "location "}, {`^(type|text|cookie|call) .*`, ""}, {`^status .*`, badRequestV4},
	}
	toCSRF = []edit{ // the response to GET csrf, without the callback URL
		{`^status 500$`, "status 200"}, {`^json .*`, `json {"csrfToken":"<new csrf>"}` + "\n" + newCSRF},
	}
	toPage = []edit{ // the sign-in page, without the callback URL
		{`^status 500$`, "status 200\n" + newCSRF + "\n" + signInForms},
	}
)

func andMore(edits []edit, more ...edit) []edit { return slices.Concat(edits, more) }

var goldenDifferences = []goldenDifference{
	{
		why: "an address links an account only if the provider vouches for it (AC-03)",
		ids: `/linking/17 `, v4: 1, v5: 1,
		edits: toNotLinked, both: notLinked,
	},

	// All responses.
	{
		why: "a mistake in the configuration is an error of New, and not of a response (JW-08)",
		ids: `/config-error-nosecret/`, v4: 6, v5: 6,
		edits: []edit{
			{`^(status|location|cache|type|json) .*`, ""},
			{"", "New: nuxtauth: there is no secret: set Config.Secret or AUTH_SECRET, for instance to the output of `openssl rand -base64 33`"},
		},
	},
	{
		why: "no response may be cached, neither pages nor redirects (SE-08, OA-17)",
		ids: `.`, v4: 242, v5: 243,
		edits: []edit{{`^cache ; ; $`, "cache private, no-cache, no-store; no-cache; 0"}},
	},
	{
		why: "nothing may follow the actions that answer with data: caches store /session/logo.png (SE-08)",
		ids: `GET /(session/extra|csrf/x)\)?$`, v4: 2,
		edits: andMore(toBadRequestV4, edit{`^json .*`, ""}),
	},
	{
		why: "the text for an unknown path or method is another",
		ids: `/unknown/.* (GET|POST|PUT|DELETE|PATCH|OPTIONS) |POST csrf|/providers/2 |unknown action|malformed json`, v4: 20,
		edits: []edit{
			{`^text .*`, ""},
			{`^type $`, ""},
			{`^status 40[04]$`, badRequestV4}, // 404 is the response of Next.js to a path that does not reach next-auth
		},
	},
	{
		why: "HEAD is answered as GET is, without the body (RFC 9110 §9.3.2)",
		ids: ` HEAD |HEAD csrf|HEAD /session`, v4: 2, v5: 2,
		edits: []edit{
			{`^type .*`, ""},
			{`^status 400$`, "status 200\ntype application/json\n" + newCSRF + "\ncookie callback-url Path=/ HttpOnly SameSite=Lax = http://localhost:3000"},
		},
	},
	{
		why: "a known action with a wrong method, or one of another version, is a bad request and no redirect (SE-16)",
		ids: `POST csrf|/providers/2 |POST /(error|verify-request)|webauthn-options|GET callback credentials`, v5: 6,
		edits: toBadRequestV5,
	},
	{
		why: "GET of a credentials callback is a bad request and no server error (SE-16)",
		ids: `GET callback credentials`, v4: 1,
		edits: toBadRequestV4,
	},

	{
		why: "a sign-out also clears cookies of the domains above the host, which an earlier configuration may have set (SE-07)",
		ids: `secure-cookies/6 `, v4: 1, v5: 1,
		edits: []edit{{"", "cookie __Secure-session-token Path=/ Domain=example.com HttpOnly Secure SameSite=Lax Max-Age=0 = cleared"}},
	},
	{
		why: "a token that was sealed less than a minute ago is not sealed again: the response may arrive after that of a sign-out, and must not restore the session (SE-04)",
		ids: `/session/[89] |/oidc/3 |/custom-claims/[24] |/chunked-session/2 |/secure-cookies/3 `, v4: 7, v5: 7,
		edits: []edit{{`^cookie (__Secure-)?session-token .* = sealed for .*`, ""}},
	},

	// JSON in place of a redirect.
	{
		why: "clients of both versions are supported: X-Auth-Return-Redirect requests JSON with next-auth too",
		ids: `return header only`, v4: 1,
		edits: andMore(toJSON, edit{`^location (.*)`, `json {"url":"$1"}` + "\nlocation "}),
	},
	{
		why: "every true value of json requests JSON, as with nuxt-auth's server",
		ids: `json:true boolean`, v4: 1,
		edits: andMore(toJSON, edit{`^location (.*)`, `json {"url":"$1"}` + "\nlocation "}),
	},
	{
		why: "clients of both versions are supported: json=true requests JSON with Auth.js too",
		ids: `json:true only|JSON body json:`, v5: 3,
		edits: andMore(toJSON, edit{`^location (.*)`, `json {"url":"$1"}` + "\nlocation $1"}),
	},
	{
		why: "a failure has a Location beside {\"url\"} too, as a success has",
		ids: `(csrf|password|throws|wrong|credentials),? json-return`, v5: 7,
		edits: []edit{{`^location $`, ""}, {`^json \{"url":"(.*)"\}$`, `json {"url":"$1"}` + "\nlocation $1"}},
	},

	// Callback URLs.
	{
		why: "for code that strips the origin, a path with two slashes at its beginning is another host (SE-12)",
		ids: `[\\/][\\/]evil\.com`, v4: 7, v5: 7,
		edits: []edit{{`^(.*)http://localhost:3000/[\\/]evil\.com$`, "${1}" + siteURL}},
	},
	{
		why: "a hostile callback URL is no error: it redirects to the application's root URL (SE-12)",
		ids: `csrf.*callback(Url|-url cookie)=(javascript:|http://localhost:3000\.evil)`, v4: 4, v5: 4,
		edits: andMore(toCSRF, edit{"", newURL + siteURL}),
	},
	{
		why: "a hostile callback URL is no error: the sign-in page redirects to the application's root URL (SE-12)",
		ids: `signin\?callbackUrl=(javascript:|http://localhost:3000\.evil)`, v4: 2, v5: 2,
		edits: andMore(toPage, edit{"", newURL + siteURL}),
	},
	{
		why: "a callback URL is read as a browser reads a link: without a scheme it is a path (SE-12)",
		ids: `csrf.*callback(Url|-url cookie)=nope`, v4: 2, v5: 2,
		edits: andMore(toCSRF, edit{"", newURL + siteURL + "/nope"}),
	},
	{
		why: "a callback URL is read as a browser reads a link, on the sign-in page (SE-12)",
		ids: `signin\?callbackUrl=nope`, v4: 1, v5: 1,
		edits: andMore(toPage, edit{"", newURL + siteURL + "/nope"}),
	},
	{
		why: "a callback URL is read as a browser reads a link, and the sign-in succeeds (SE-12)",
		ids: `callbackUrl unparsable`, v4: 1, v5: 1,
		edits: []edit{
			{`^text .*`, ""}, {`^status .*`, "status 302"}, {`^location .*`, "location " + siteURL + "/nope"},
			{"", newURL + siteURL + "/nope"},
			{"", adaCookie}, {"", adaSignsIn},
		},
	},
	{
		why: "line breaks in a callback URL are dropped, as in a browser, and the sign-in succeeds (SE-12)",
		ids: `callbackUrl CRLF`, v4: 1, v5: 1,
		edits: []edit{
			{`^(text|cookie|call) .*|^Set-Cookie: a=b$`, ""}, {`^status .*`, "status 302"}, {`^location .*`, "location " + siteURL + "/xSet-Cookie:%20a=b"},
			{"", newURL + siteURL + "/xSet-Cookie:%20a=b"},
			{"", adaCookie}, {"", adaSignsIn},
		},
	},
	{
		why: "of several callback URLs the first counts; none is an error (SE-12)",
		ids: `repeated callbackUrl`, v4: 1,
		edits: andMore(toCSRF, edit{"", newURL + siteURL + "/a"}),
	},
	{
		why: "of several callback URLs the first counts",
		ids: `repeated callbackUrl`, v5: 1,
		edits: []edit{{`^` + newURL + siteURL + `/b`, newURL + siteURL + "/a"}},
	},
	{
		why: "the sign-in page has a callback URL also if the request has an empty one",
		ids: `GET signin\?callbackUrl=$`, v4: 1, v5: 1,
		edits: []edit{{`^form POST (\S+/signin/\w+) hidden:csrfToken:$`, "form POST $1 hidden:csrfToken: hidden:callbackUrl:"}},
	},

	// Credentials.
	{
		why: "the application's code gets the fields of the form without those of the protocol",
		ids: `/(session|credentials|signout|signIn-callback-\w+|custom-\w+|chunked-session|callback-failure-\w+|secure-cookies)/`, v4: 30, v5: 30,
		edits: []edit{
			{`^(call .*"credentials":\{)"callbackUrl":` + jsonString + `,`, "$1"},
			{`^(call .*"credentials":\{)"csrfToken":"<csrf>",`, "$1"},
			{`^(call .*"credentials":\{)"json":(?:` + jsonString + `|true),`, "$1"},
		},
	},
	{
		why: "the text of an error of the application is logged, and not part of a URL (OA-11)",
		ids: `authorize throws`, v4: 2,
		edits: []edit{{`error=Custom%20%26%20message`, "error=Callback"}},
	},
	{
		why: "the text of an error of the application is logged: every error of SignIn is AccessDenied",
		ids: `/signIn-callback-signinthrow/`, v4: 3,
		edits: []edit{{`error=nope%20%26%20no`, "error=AccessDenied"}},
	},
	{
		why: "the status of a sign-in that SignIn denies is the same with every error",
		ids: `/signIn-callback-signinthrow/2 `, v4: 1,
		edits: []edit{{`^status 200$`, "status 403"}},
	},
	{
		why: "a session cookie and its token expire at the same time",
		ids: `/custom-claims/1 `, v4: 1,
		edits: []edit{{`sealed for 2592000s`, "sealed for 3600s"}},
	},

	// Sessions and pages.
	{
		why: "a token in the Authorization header is a session for the whole API",
		ids: `bearer header`, v4: 1, v5: 1,
		edits: []edit{
			{`^json .*`, `json {"expires":"43200m","user":{"email":"ada@example.com","name":"Ada"}}`},
			{"", `call callback:jwt {"token":` + ada + `}`},
			{"", `call callback:session {"session":{"expires":"43200m","user":{"email":"ada@example.com","name":"Ada"}},"token":` + ada + `}`},
			{"", `call event:session {"session":{"expires":"43200m","user":{"email":"ada@example.com","name":"Ada"}},"token":` + ada + `}`},
		},
	},
	{
		why: "the status of the error page does not depend on the case of the code, in either version",
		ids: `error=(accessdenied|verification)$`, v5: 2,
		edits: []edit{{`^status 200$`, "status 403"}},
	},
	{
		why: "the status of the error page does not depend on the case of the code, nor of Configuration",
		ids: `error=configuration$`, v5: 1,
		edits: []edit{{`^status 200$`, "status 500"}},
	},
	{
		why: "a code in the URL of a page of the application is escaped",
		ids: `/custom-pages/8 `, v4: 1, v5: 1,
		edits: []edit{{`error=Custom & message`, "error=Custom%20%26%20message"}},
	},
	{
		why: "a missing code is left out instead of \"undefined\"",
		ids: `/custom-pages/5 `, v4: 1, v5: 1,
		edits: []edit{{`\?error=undefined`, ""}},
	},
	{
		why: "the sign-out page has no form for a browser without a session",
		ids: `/signout/1 page`, v4: 1, v5: 1,
		edits: []edit{{`^form .*/signout .*`, ""}},
	},
	{
		why: "the sign-in page shows the user name again after wrong credentials, from a sealed cookie (WCAG 2.2, 3.3.7)",
		ids: `/credentials/\d+ (wrong password$|authorize throws CredentialsSignin)`, v4: 2, v5: 2,
		edits: []edit{{"", "cookie form" + attributes + " Max-Age=300 Expires=5m = sealed"}},
	},
	{
		why: "the form of the sign-out page always has the same action",
		ids: `page with csrf=true`, v5: 1,
		edits: []edit{{`/signout\?csrf=true`, "/signout"}},
	},

	// The start of a sign-in at a provider.
	{
		why: "state, nonce and verifier are in one sealed cookie for each sign-in, so that two tabs can sign in (OA-06)",
		ids: ` (start fake|start strict|start linker|oauth start|oidc start)`, v4: 26, v5: 26,
		edits: []edit{
			{`^cookie \S*nonce .*`, ""},
			{`^cookie (\S*)(?:pkce\.code_verifier|state) (.*)`, "cookie ${1}state.<flow> $2"},
		},
	},
	{
		why: "every sign-in has PKCE (OA-02)",
		ids: ` start (fakeoauth|strict|linker)`, v4: 12,
		edits: []edit{{`^(location .*client_id=cid)&`, "$1&code_challenge=%3Ccode_challenge%3E&code_challenge_method=S256&"}},
	},
	{
		why: "every sign-in has a state (OA-03)",
		ids: ` start (fakeoauth|strict|linker)`, v5: 12,
		edits: []edit{{`^(location .*scope=read)$`, "$1&state=%3Cstate%3E"}},
	},

	// The callback from a provider.
	{
		why: "the verifier of PKCE is sent with the code (OA-02)",
		ids: ` callback: `, v4: 11,
		edits: []edit{{`^(provider POST /token .*map\[code:\S+) grant_type`, "$1 code_verifier:<verifier> grant_type"}},
	},
	{
		why: "the one cookie of the sign-in is cleared (OA-12)",
		ids: ` callback: [^b]`, v4: 13, v5: 9,
		edits: []edit{
			{`^cookie (nonce|pkce\.code_verifier|state) .* = cleared$`, clearFlow},
		},
	},
	{
		why: "the cookie of the sign-in is cleared after a failure too (OA-12)",
		ids: ` callback: (bad-nonce|bad-iss|bad-aud|bad-sig|expired|no-id-token|iss param)`, v4: 7, v5: 7,
		edits: []edit{{"", clearFlow}},
	},
	{
		why: "the cookie of the sign-in is cleared after a denial of the application too (OA-12)",
		ids: ` callback: (oauth|same email, other|signed in as first)`, v5: 4,
		edits: []edit{{"", clearFlow}},
	},
	{
		why: "an error of the provider or the browser is OAuthCallbackError instead of Configuration",
		ids: `/oidc/.* callback: [^o]`, v5: 9,
		edits: []edit{{`^location ` + apiURL + `/error\?error=Configuration$`, "location " + apiURL + "/signin?error=OAuthCallbackError"}},
	},
	{
		why: "a missing cookie ends the sign-in before the code is sent to the provider (OA-03)",
		ids: `missing nonce cookie`, v5: 1,
		edits: []edit{{`^provider .*`, ""}},
	},
	{
		why: "the signature of the ID token is verified (JW-01)",
		ids: `callback: bad-sig`, v5: 1,
		edits: []edit{
			{`^location .*`, "location " + apiURL + "/signin?error=OAuthCallbackError"},
			{`^(cookie (session-token|nonce|pkce\.code_verifier|state)|call) .*`, ""},
		},
	},
	{
		why: "the state is checked on every sign-in, before the code is sent to the provider (OA-03)",
		ids: `/custom-pages/16 `, v5: 1,
		edits: []edit{
			{`^location .*`, "location " + siteURL + "/login?error=OAuthCallbackError"},
			{`^(cookie|provider) .*`, ""},
		},
	},

	// The arguments of callbacks and events.
	{
		why: "Account.Type differs for OpenID Connect and OAuth in both versions",
		ids: ` callback: `, v4: 2,
		edits: []edit{{`^(call .*"account":\{.*"provider":"fakeoidc",.*)"type":"oauth"`, `$1"type":"oidc"`}},
	},
	{
		why: "the profile of the SignIn event is that of the provider, as in Auth.js",
		ids: ` callback: `, v4: 7,
		edits: []edit{
			{`^(call event:signIn .*"profile":\{)"email":"op\.user@example\.com",`, `$1"aud":"oidc-cid","email":"Op.User@Example.com","iss":"http://127.0.0.1:9411",`},
			{`^(call event:signIn .*"profile":\{[^}]*)"id":"([^"]*)","image":"([^"]*)","name":"([^"]*)"\}`, `$1"name":"$4","picture":"$3","sub":"$2"}`},
		},
	},
	{
		why: "Account has expires_at and not expires_in, as in next-auth",
		ids: ` callback: `, v5: 12,
		edits: []edit{{`^(call .*)"expires_in":3600,`, "$1"}},
	},
	{
		why: "the token type is as the provider wrote it, as in next-auth",
		ids: ` callback: `, v5: 12,
		edits: []edit{{`^(call .*"token_type":)"bearer"`, `$1"Bearer"`}},
	},
	{
		why: "the user's ID is that of the provider instead of a random one at each sign-in (OA-14)",
		ids: ` callback: `, v5: 9,
		edits: []edit{
			{`^(call .*"providerAccountId":)("[^"]*")(.*"user":\{[^}]*"id":)"<uuid>"`, "$1$2$3$2"},
			{`^(call callback:jwt .*"providerAccountId":)("[^"]*")(.*"sub":)"<uuid>"`, "$1$2$3$2"},
			{`^(cookie session-token .*"sub":)"<uuid>"`, `$1"op-user-1"`},
		},
	},

	// Users and sessions in a database, and e-mail. The larger recordings have more of them.
	{
		why: "an account that an address has not linked begins no session (AC-03)",
		ids: `/linking/18 `, v4: 1, v5: 1,
		edits: toNoSession, both: noSession, leave: `^cookie session-token `,
	},
	{
		why: "only addresses that name one mailbox and nothing else get a mail, and the page shows others again (ML-01)",
		ids: `/email/([4-8]|1[12]) `, v4: 7, v5: 7,
		edits: []edit{{`^location .*`, "location ?error=EmailSignin"}, {`^(mail|call) .*`, ""}},
		both:  noMail, leave: `^cookie form `,
	},
	{
		why: "an address to which no mail can be sent is EmailSignInError instead of Configuration",
		ids: `/email/3 `, v5: 1,
		edits: []edit{{`^location .*`, "location ?error=EmailSignin"}},
		both:  noMail,
	},
	{
		why: "whether a mail was sent shows in no response (ML-09)",
		ids: `/email/9 `, v4: 1, v5: 1,
		edits: toSent, both: sent,
	},
	{
		why: "the code has the same spelling in both versions",
		ids: `/email/15 `, v4: 1,
		edits: []edit{{`error=configuration$`, "error=Configuration"}},
	},
	{
		why: "the times of the rows were changed before these exchanges, which the recording does not show",
		ids: `/email/(21|23|28) `, v4: 3, v5: 3,
		leave: `^(location|json|call|cookie) `,
	},
	{
		why: "the account of a link has no userId, which in Auth.js is a random one",
		ids: `/email/`, v4: 6, v5: 8,
		edits: []edit{{`^(call .*"account":\{[^}]*),"userId":"[^"]*"`, `$1`}},
	},
	{
		why: "the ID of a user who is not known yet is that of the provider instead of a random one (OA-14)",
		ids: `/email/`, v5: 6,
		edits: []edit{{`^(call callback:signIn .*"providerAccountId":)("[^"]*")(.*"user":\{[^}]*"id":)"<uuid>"`, "$1$2$3$2"}},
	},
	{
		why: "the profile of the LinkAccount event is that of the provider",
		ids: `/linking/.* callback: `, v4: 4, v5: 4,
		both: []edit{{`^(call event:linkAccount .*)"profile":\{[^}]*\},`, `$1`}},
	},
	{
		why: "the session is loaded when an account is to be linked, and for the page of a link, which names the user (AC-06, ML-14)",
		ids: `/linking/\d+ (start|callback)|/email/26 `, v4: 7, v5: 7,
		leave: `^call callback:session \{"session"`,
	},
	{
		why: "an update of a session is for the JWT callback alone, and nothing of it is in the Session callback (SE-11)",
		ids: `/email/20 `, v4: 1, v5: 1,
		edits: toUpdate,
	},
	{
		why: "a session in a database has claims and not rows: the Session callback gets no more than the browser",
		ids: `/(linking|email)/`, v4: 10, v5: 10,
		edits: toClaims,
	},
	{
		why: "a sign-out gives the event the claims of the session, and not its row",
		ids: `/email/29 `, v4: 1, v5: 1,
		edits: []edit{{`^call event:signOut .*`, "call event:signOut {}"}},
	},
	{
		why: "the cookie of a session in a database is set when the session is written (SE-04)",
		ids: `/(email/.* session|linking/.* session after)`, v4: 9, v5: 9,
		edits: []edit{{`^cookie session-token .* = opaque`, ""}},
	},
	{
		why: "no subdomain may set the cookie of a sign-in (OA-06)",
		ids: `/secure-cookies/`, v4: 2, v5: 2,
		edits: []edit{{`^cookie __Secure-state\.`, "cookie __Host-state."}},
	},
}
