package conformance_test

const (
	storedSession = "cookie session-token" + attributes + " Expires=43200m = opaque"
	formCookie    = "cookie form" + attributes + " Max-Age=300 Expires=5m = sealed"
)

// Sets of edits.
var (
	toClaims = []edit{
		{`^(call callback:session .*\}),"user":\{[^}]*\}\}$`, "$1}"},
		{`^(call callback:session .*)"id":"\d+",("sessionToken":)`, "$1$2"},
		{`^(call callback:session .*)"sessionToken":"[^"]*",`, "$1"},
		{`^(call callback:session .*),"userId":"[^"]*"`, "$1"},
		{`^(call callback:session .*)"emailVerified":true,`, "$1"},
		{`^(call callback:session .*"user":\{"email":"[^"]*"),"id":"[^"]*"`, "$1"},
		{`^(call callback:session .*"user":\{)"id":"[^"]*",`, "$1"},
	}
	toUpdate    = []edit{{`"newSession":\{.*?\},("session":)`, "$1"}, {`,"trigger":"update"`, ""}, {`^cookie session-token .*`, ""}}
	toNotLinked = []edit{
		{`^location .*`, "location <not linked>"},
		{`^cookie session-token .*`, ""},
		{`^call (event:|callback:jwt ).*`, ""},
	}
	toNoSession = []edit{{`^json .*`, "json <no session>"}, {`^call .*`, ""}}
	noSession   = []edit{{`^json (null|\{\})$`, "json <no session>"}}
	noMail      = []edit{{`^location ` + apiURL + `/(error\?error=EmailSignin|signin\?error=EmailSignInError)$`, "location ?error=EmailSignin"}}
	toSent      = []edit{{`^location .*`, "location <sent>"}, {`^mail .*`, ""}}
	sent        = []edit{{`^location ` + apiURL + `/verify-request\?.*`, "location <sent>"}}
	notLinked   = []edit{{`^location ` + apiURL + `/(error|signin)\?error=OAuthAccountNotLinked$`, "location <not linked>"}}
)

// toFailure is a sign-in that fails with a code.
func toFailure(code string) []edit {
	return []edit{
		{`^location .*`, "location " + apiURL + "/error?error=" + code},
		{`^cookie session-token .*`, ""}, {`^call (event:|callback:).*`, ""},
	}
}

// accountDifferences are the deviations from the recordings of applications with users. The
// differences that drop a whole response are first.
var accountDifferences = []goldenDifference{
	{
		why: "passkeys are not supported",
		ids: `/passkey-`, v5: 84,
		skip: true,
	},

	// Accounts that are not linked as in Auth.js.
	{
		why: "an address links an account only if the provider vouches for it (AC-03)",
		ids: `/(newuser-db/10|dangerous-jwt/(4|10)) `, v4: 3, v5: 3,
		edits: toNotLinked, both: notLinked,
	},
	{
		why: "an account that an address has not linked is still none of the user's (AC-03)",
		ids: `/dangerous-jwt/6 `, v4: 1, v5: 1,
		edits: toNotLinked, both: notLinked, leave: `^call callback:signIn `,
	},
	{
		why: "an account whose address another user has is not linked (AC-08)",
		ids: `/link-conflicts-db/9 `, v4: 1, v5: 1,
		edits: toNotLinked, both: notLinked,
	},
	{
		why: "an account that was refused to the first user is linked to the second (AC-08)",
		ids: `/link-conflicts-db/11 `, v4: 1, v5: 1,
		edits: []edit{{`^location .*`, "location " + siteURL + "/after"}, {"", storedSession}},
		leave: `^(call (callback:signIn|event:(linkAccount|signIn)) |cookie state)`,
	},
	{
		why: "an account is linked only to a session that goes on (AC-06)",
		ids: `/link-conflicts-db/(12|18) `, v4: 2, v5: 2,
		edits: []edit{
			{`^location .*`, "location ?error=SessionRequired"}, {`^cookie .* = sealed`, ""},
		},
		both:  []edit{{`^location ` + apiURL + `/(error|signin)\?error=SessionRequired$`, "location ?error=SessionRequired"}},
		leave: `^cookie session-token .* = cleared`,
	},
	{
		why: "a sign-in that has not started does not end (AC-06)",
		ids: `/link-conflicts-db/(13|19) `, v4: 2, v5: 2,
		edits: []edit{{`^location .*`, "location <none under way>"}, {`^(cookie|provider|call) .*`, ""}},
		both:  []edit{{`^location ` + apiURL + `/(error\?error=OAuthCallback|signin\?error=OAuthCallbackError)$`, "location <none under way>"}},
	},
	{
		why: "the cookie of a session that has ended is cleared by the first response (SE-06)",
		ids: `/link-conflicts-db/14 `, v4: 1,
		leave: `^cookie session-token .* = cleared`,
	},
	{
		why: "the session of a user who was deleted is no session (AC-12)",
		ids: `/link-conflicts-db/20 `, v4: 1, v5: 1,
		edits: toNoSession, both: noSession, leave: `^cookie session-token `,
	},
	{
		why: "accounts of a deleted user are gone, and the next sign-in makes a new user (AC-12)",
		ids: `/link-conflicts-db/22 `, v4: 1, v5: 1,
		edits: []edit{{`^location .*`, "location " + siteURL + "/after"}, {"", storedSession}},
		leave: `^(call event:|cookie state)`,
	},

	// E-mail.
	{
		why: "only addresses that name one mailbox and nothing else get a mail (ML-01)",
		ids: `/mail-send/(5|6|8|9|1[0-5]|18|19) `, v4: 12, v5: 12,
		edits: []edit{{`^location .*`, "location ?error=EmailSignin"}, {`^(mail|call) .*`, ""}},
		both:  noMail,
	},
	{
		why: "an address to which no mail can be sent is EmailSignInError instead of Configuration",
		ids: `/mail-send/(7|17) `, v5: 2,
		edits: []edit{{`^location .*`, "location ?error=EmailSignin"}},
		both:  noMail,
	},
	{
		why: "the sign-in page shows an address again to which no mail can be sent, from a sealed cookie (WCAG 2.2, 3.3.7)",
		ids: `/mail-send/([5-9]|1[0-57-9]) `, v4: 14, v5: 14,
		edits: []edit{{"", formCookie}},
	},
	{
		why: "the domain of an address is in its ASCII form (ML-01)",
		ids: `/mail-send/3 `, v4: 1, v5: 1,
		edits: []edit{{`münchen`, "xn--mnchen-3ya"}},
	},
	{
		why: "whether a mail was sent shows in no response (ML-09)",
		ids: `/(mail-send/2[23]|faults-db/34) `, v4: 3, v5: 3,
		edits: toSent, both: sent, leave: `^cookie callback-url `,
	},
	{
		why: "whether the SignIn callback denies a link shows in no response (ML-09)",
		ids: `/mail-deny/(1|5|9|13) `, v4: 4, v5: 4,
		edits: toSent, both: sent, leave: `^cookie callback-url `,
	},
	{
		why: "a SignIn callback redirects to the application alone, and its text is in no URL (SE-12, OA-11)",
		ids: `/mail-deny/(7|11|15) `, v4: 3,
		edits: []edit{
			{`^location /stop$`, "location " + siteURL + "/stop"}, {`^location https://evil.*`, "location " + siteURL}, {`error=not.*`, "error=AccessDenied"},
		},
	},
	{
		why: "a link that opens is not spent before the form of its page is posted, with the CSRF token (ML-03)",
		ids: `/mail-elsewhere/10 `, v4: 1, v5: 1,
		edits: toFailure("Configuration"),
	},
	{
		why: "the callback URL is stored with the link, and not part of it (ML-12)",
		ids: `/mail-elsewhere/(12|14) `, v4: 2, v5: 2,
		edits: []edit{{`^location .*`, "location " + siteURL + "/mail-after"}},
		leave: `^cookie callback-url `,
	},
	{
		why: "a sign-in ends the other links to the address (ML-06)",
		ids: `/mail-two-links/4 `, v4: 1, v5: 1,
		edits: toFailure("Verification"), leave: `^cookie (csrf-token|callback-url) `,
	},
	{
		why: "a link works until its last second, and not at its end (ML-05)",
		ids: `/(mail-db/19|mail-jwt-known/21) `, v4: 2, v5: 2,
		edits: toFailure("Verification"),
	},
	{
		why: "HEAD of a link is answered as GET is, without the body and without spending it (RFC 9110 §9.3.2, ML-03)",
		ids: `/mail-elsewhere/6 `, v4: 1, v5: 1,
		edits: []edit{{`^status 400$`, "status 200\n" + newCSRF}, {`^type .*`, "type text/html"}},
		leave: `^(form|cookie callback-url) `,
	},
	{
		why: "the code has the same spelling in both versions",
		ids: `/mail-(db/[67]|jwt-known/[89]) `, v4: 4,
		edits: []edit{{`error=configuration$`, "error=Configuration"}},
	},
	{
		why: "clients of both versions are supported: json=true requests JSON with Auth.js too",
		ids: `/mail-send/20 `, v5: 1,
		edits: andMore(toJSON, edit{`^location (.*)`, `json {"url":"$1"}` + "\nlocation $1"}),
	},
	{
		why: "the accounts of a user with an address that was never proved are removed, with an event for each (AC-05), and the owner gets a mail (AC-11)",
		ids: `/(mail-jwt-known/11|mail-prehijack/4|mail-switch-db/6|events-throw/5) `, v4: 4, v5: 4,
		leave: `^(call event:unlinkAccount|mail) `,
	},
	{
		why: "the sessions of a user with an address that was never proved end when it is proved (AC-05)",
		ids: `/mail-prehijack/[58] `, v4: 2, v5: 2,
		edits: toNoSession, both: noSession, leave: `^cookie session-token `,
	},
	{
		why: "an account that was removed opens the user no more (AC-05)",
		ids: `/mail-prehijack/7 `, v4: 1, v5: 1,
		edits: toNotLinked, both: notLinked, leave: `^call callback:signIn `,
	},

	// Credentials.
	{
		why: "Authorize has to return the ID of a user (AC-13)",
		ids: `/credentials-(jwt|db)/[17] `, v4: 4, v5: 4,
		edits: toFailure("AccessDenied"), leave: `^(cookie callback-url|call callback:signIn) `,
	},
	{
		why: "credentials without a user begin no session (AC-13)",
		ids: `/credentials-jwt/[23] `, v4: 2, v5: 2,
		edits: toNoSession, both: noSession,
	},
	{
		why: "credentials without a user leave the session that is there (AC-13)",
		ids: `/credentials-(jwt/(8|10)|db/(2|8|10)) `, v4: 5, v5: 5,
		leave: `^(json|call|cookie session-token) `,
	},
	{
		why: "a session in a database has a token too, and a JWT callback",
		ids: `/credentials-db/[56] `, v4: 2, v5: 2,
		leave: `^call callback:jwt `,
	},
	{
		why: "the user of credentials is that of the application (AC-13)",
		ids: `/credentials-link/[37] `, v4: 2, v5: 2,
		edits: []edit{
			{`^(.*)"email":"cred@example.com","name":"Cred User","sub":"1"`, `$1"email":"ada@example.com","name":"Ada Lovelace","picture":"https://op.example/ada.png","sub":"1"`},
			{`^(call .*"user":\{)"email":"cred@example.com","id":"1","name":"Cred User"\}`, `$1"email":"ada@example.com","id":"1","image":"https://op.example/ada.png","name":"Ada Lovelace"}`},
		},
	},
	{
		why: "the sign-in page shows the user name again after wrong credentials, from a sealed cookie (WCAG 2.2, 3.3.7)",
		ids: `/credentials-(jwt|db)/9 `, v4: 2, v5: 2,
		edits: []edit{{"", formCookie}},
	},
	{
		why: "credentials work with sessions in a database",
		ids: `/credentials-only-db/`, v4: 2, v5: 2,
		edits: []edit{{`^status 500$`, "status 200"}, {`^json .*`, "json <no session>"}},
		both:  noSession, leave: `^(form|cookie) `,
	},

	// Faults of the database.
	{
		why: "every fault of the database has the same code",
		ids: `/faults-(db|jwt)/(6|7|40) `, v4: 3,
		edits: []edit{{`error=(OAuth|Email)CreateAccount$`, "error=Callback"}},
	},
	{
		why: "a user and the account are made in one transaction (AC-02)",
		ids: `/faults-(db/8|jwt/9) `, v4: 2, v5: 2,
		edits: []edit{{`^call event:createUser .*`, ""}},
	},
	{
		why: "a sign-up that has failed leaves nothing, and can be tried again (AC-02)",
		ids: `/faults-(db/10|jwt/11) `, v4: 2, v5: 2,
		edits: []edit{{`^location .*`, "location " + siteURL + "/after"}},
		leave: `^(call (event:|callback:jwt )|cookie (session-token|state))`,
	},
	{
		why: "a user is new until the first sign-in is complete (AC-02)",
		ids: `/faults-db/14 `, v4: 1, v5: 1,
		edits: []edit{{`^(call event:signIn \{"account":\{[^}]*\},)`, `$1"isNewUser":true,`}},
	},
	{
		why: "the session to whose user an account is linked is checked before the code is sent to the provider (AC-06)",
		ids: `/faults-db/18 `, v4: 1, v5: 1,
		edits: []edit{{`^(provider|call) .*`, ""}},
	},
	{
		why: "a fault of the database is not a missing user (AC-13)",
		ids: `/faults-jwt/4 `, v4: 1, v5: 1,
		edits: []edit{{`^location .*`, "location <fault>"}, {`^(cookie session-token|call (event:|callback:jwt)).*`, ""}},
		both:  []edit{{`^location ` + apiURL + `/error\?error=(Callback|Configuration)$`, "location <fault>"}},
	},
	{
		why: "after a fault of the database the session is that from before (AC-13)",
		ids: `/faults-jwt/5 `, v4: 1, v5: 1,
		edits: []edit{{`f5b@example`, "f5@example"}, {`"sub":"2"`, `"sub":"1"`}},
	},
	{
		why: "a session goes on if its expiry can't be written (AD-04)",
		ids: `/faults-db/26 `, v4: 1, v5: 1,
		leave: `^(json|call) `,
	},
	{
		why: "a sign-out that could not end the session is an error (SE-05)",
		ids: `/faults-db/30 `, v4: 1, v5: 1,
		edits: []edit{{`^location .*`, "location " + apiURL + "/error?error=SignOutError"}, {`^cookie session-token .*`, ""}},
	},
	{
		why: "the cookie of a session that has expired is cleared whether it is deleted or not",
		ids: `/faults-db/33 `, v4: 1, v5: 1,
		edits: []edit{{"", "cookie session-token" + attributes + " Max-Age=0 = cleared"}},
	},
	{
		why: "a fault of the database is a redirect to the error page",
		ids: `/faults-db/35 `, v4: 1,
		edits: []edit{{`^status 500$`, "status 302"}, {`^location .*`, "location " + apiURL + "/error?error=Callback"}, {`^(type|text) .*`, ""}},
		leave: `^cookie callback-url |^type `,
	},
	{
		why: "a link that was opened has proved the address, also if the sign-in fails after it",
		ids: `/faults-db/51 `, v4: 1, v5: 1,
		leave: `^call event:updateUser `,
	},

	// All responses.
	{
		why: "no response may be cached, neither pages nor redirects (SE-08, OA-17)",
		ids: `.`, v4: 335, v5: 332,
		edits: []edit{{`^cache ; ; $`, "cache private, no-cache, no-store; no-cache; 0"}},
	},

	// Sign-ins at a provider.
	{
		why: "state, nonce and verifier are in one sealed cookie for each sign-in, so that two tabs can sign in (OA-06)",
		ids: ` /signin/(fake|strict|linker)`, v4: 91, v5: 91,
		edits: []edit{
			{`^cookie nonce .* = sealed`, ""},
			{`^cookie (?:pkce\.code_verifier|state) (.*= sealed)`, "cookie state.<flow> $1"},
		},
	},
	{
		why: "every sign-in has PKCE (OA-02)",
		ids: ` /signin/(fake|strict|linker)`, v4: 79,
		edits: []edit{{`^(location .*client_id=cid)&`, "$1&code_challenge=%3Ccode_challenge%3E&code_challenge_method=S256&"}},
	},
	{
		why: "every sign-in has a state (OA-03)",
		ids: ` /signin/(fake|strict|linker)`, v5: 79,
		edits: []edit{{`^(location .*scope=read)$`, "$1&state=%3Cstate%3E"}},
	},
	{
		why: "the verifier of PKCE is sent with the code (OA-02)",
		ids: ` /callback/(fake|strict|linker)`, v4: 78,
		edits: []edit{{`^(provider POST /token .*map\[code:\S+) grant_type`, "$1 code_verifier:<verifier> grant_type"}},
	},
	{
		why: "the one cookie of the sign-in is cleared (OA-12)",
		ids: ` /callback/(fake|strict|linker)`, v4: 87, v5: 72,
		edits: []edit{{`^cookie (nonce|pkce\.code_verifier|state) .* = cleared$`, clearFlow}},
	},
	{
		why: "the cookie of the sign-in is cleared after a failure too (OA-12)",
		ids: ` /callback/(fake|strict|linker)`, v5: 15,
		edits: []edit{{`^(location .*error=.*)`, "$1\n" + clearFlow}},
	},

	// The arguments of callbacks and events.
	{
		why: "Account.Type differs for OpenID Connect and OAuth in both versions",
		ids: ` /callback/(fake|strict|linker)`, v4: 12,
		edits: []edit{{`^(call .*"account":\{.*"provider":"fakeoidc",.*)"type":"oauth"`, `$1"type":"oidc"`}},
	},
	{
		why: "Account has expires_at and not expires_in, as in next-auth",
		ids: ` /callback/(fake|strict|linker)`, v5: 86,
		edits: []edit{{`^(call .*)"expires_in":3600,`, "$1"}},
	},
	{
		why: "the token type is as the provider wrote it, as in next-auth",
		ids: ` /callback/(fake|strict|linker)`, v5: 86,
		edits: []edit{{`^(call .*"token_type":)"bearer"`, `$1"Bearer"`}},
	},
	{
		why: "the account of a link has no userId, which in Auth.js is a random one",
		ids: `.`, v4: 49, v5: 79,
		edits: []edit{{`^(call .*"account":\{[^}]*),"userId":"[^"]*"`, `$1`}},
	},
	{
		why: "the ID of a user who is not known yet is that of the provider instead of a random one (OA-14)",
		ids: `.`, v5: 110,
		edits: []edit{{`^(call callback:signIn .*"providerAccountId":)("[^"]*")(.*"user":\{[^}]*"id":)"<uuid>"`, "$1$2$3$2"}},
	},
	{
		why: "the profile of the SignIn event is that of the provider, as in Auth.js",
		ids: ` /callback/(fake|strict|linker)`, v4: 65,
		both: []edit{{`^(call event:signIn .*)"profile":\{[^}]*\},`, `$1`}},
	},
	{
		why: "the profile of the LinkAccount event is that of the provider",
		ids: ` /callback/(fake|strict|linker)`, v4: 49, v5: 49,
		both: []edit{{`^(call event:linkAccount .*)"profile":\{[^}]*\},`, `$1`}},
	},
	{
		why: "the application's code gets the fields of the form without those of the protocol",
		ids: `/credentials-`, v4: 8, v5: 8,
		edits: []edit{
			{`^(call .*"credentials":\{)"callbackUrl":` + jsonString + `,`, "$1"},
			{`^(call .*"credentials":\{)"csrfToken":"<csrf>",`, "$1"},
		},
	},

	{
		why: "the session is loaded when an account is to be linked, and for the page of a link, which names the user (AC-06, ML-14)",
		ids: ` /(signin|callback)/`, v4: 47, v5: 47,
		leave: `^call callback:(session \{"session"|jwt \{"token")`,
	},

	// Sessions.
	{
		why: "an update of a session is for the JWT callback alone, and nothing of it is in the Session callback (SE-11)",
		ids: `/session-db/7 `, v4: 1, v5: 1,
		edits: toUpdate,
	},
	{
		why: "the key of a session in a database is in no response (SE-02)",
		ids: `/session-callback/3 `, v5: 1,
		edits: []edit{{`"id":"1","sessionToken":"<uuid>",`, ""}, {`,"userId":"1"\}`, "}"}},
	},
	{
		why: "the key of a session is hashed in the database, so that a row of another program is none (SE-02)",
		ids: `/side-by-side/1 `, v4: 1, v5: 1,
		edits: toNoSession, both: noSession, leave: `^cookie session-token `,
	},
	{
		why: "a session that has expired is not signed out, and no event says so",
		ids: `/session-db/23 `, v4: 1, v5: 1,
		edits: []edit{{`^call event:signOut .*`, ""}},
	},
	{
		why: "a session in a database has claims and not rows: the Session callback gets no more than the browser",
		ids: `.`, v4: 29, v5: 29,
		edits: toClaims,
	},
	{
		why: "a response that prolongs a session says until when (SE-04)",
		ids: `/(session-db/5|faults-db/27) `, v4: 2, v5: 2,
		edits: []edit{{`"expires":"\d+m"`, `"expires":"43200m"`}},
		both:  []edit{{`^(cookie session-token .*) = opaque$`, "$1 = prolonged"}},
	},
	{
		why: "the cookie of a session in a database is set when the session is written (SE-04)",
		ids: ` session: `, v4: 25, v5: 25,
		edits: []edit{{`^cookie session-token .* = opaque`, ""}},
	},
	{
		why: "a token that was sealed less than a minute ago is not sealed again: the response may arrive after that of a sign-out, and must not restore the session (SE-04)",
		ids: ` session: `, v4: 15, v5: 15,
		edits: []edit{{`^cookie session-token .* = sealed for .*`, ""}},
	},
}
