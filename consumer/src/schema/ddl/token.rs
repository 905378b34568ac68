//! The words, names, numbers and signs of a schema, each with its place.

use std::fmt;

use super::SchemaError;

/// One word, name, number or sign.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// The place of the first character, counted from 1.
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword.
    Word(String),
    /// A name in back quotes or double quotes.
    Quoted(String),
    /// A text in single quotes: only comments have one, and they are not used.
    Text,
    Number(u32),
    Sign(char),
    End,
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) | Self::Quoted(word) => write!(f, "'{word}'"),
            Self::Text => f.write_str("a text in quotes"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// Returns whether `name` needs no quotes.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(begins_word) && letters.all(continues_word)
}

fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A schema's tokens, read one after the other. After the last one every further token is `End`.
pub(super) struct Tokens {
    tokens: Vec<Token>,
    end: Token,
    next: usize,
}

impl Tokens {
    pub(super) fn read(ddl: &str) -> Result<Self, SchemaError> {
        let letters: Vec<char> = ddl.chars().collect();
        let mut tokens = Vec::new();
        let mut i = 0;
        while let Some(&c) = letters.get(i) {
            let at = i + 1;
            let kind = match c {
                c if c.is_whitespace() => {
                    i += 1;
                    continue;
                }
                '`' | '"' | '\'' => quoted(&letters, &mut i)?,
                c if c.is_ascii_digit() => {
                    let digits = run(&letters, &mut i, |c| c.is_ascii_digit());
                    let number = digits.parse().map_err(|_| SchemaError::BadText {
                        what: format!("the number {digits} is too large"),
                        at,
                    })?;
                    TokenKind::Number(number)
                }
                c if begins_word(c) => TokenKind::Word(run(&letters, &mut i, continues_word)),
                ',' | ':' | '<' | '>' | '(' | ')' => {
                    i += 1;
                    TokenKind::Sign(c)
                }
                _ => {
                    return Err(SchemaError::BadText {
                        what: format!(
                            "'{}' needs back quotes around the name that it is part of,",
                            c.escape_default()
                        ),
                        at,
                    });
                }
            };
            tokens.push(Token { kind, at });
        }
        let end = Token {
            kind: TokenKind::End,
            at: letters.len() + 1,
        };
        Ok(Self {
            tokens,
            end,
            next: 0,
        })
    }

    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.next).unwrap_or(&self.end)
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    /// Consumes the next token if it is `kind`. Returns whether it was.
    pub(super) fn take(&mut self, kind: &TokenKind) -> bool {
        let there = self.peek().kind == *kind;
        self.next += usize::from(there);
        there
    }

    /// Consumes the next token if it is `keyword`, in upper or lower case. Returns whether it was.
    pub(super) fn take_word(&mut self, keyword: &str) -> bool {
        let there = matches!(&self.peek().kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(there);
        there
    }
}

fn run(letters: &[char], i: &mut usize, belongs: impl Fn(char) -> bool) -> String {
    let word: String = letters
        .iter()
        .skip(*i)
        .take_while(|&&c| belongs(c))
        .collect();
    *i += word.chars().count();
    word
}

/// Reads a text in quotes; a doubled quote stands for one quote.
fn quoted(letters: &[char], i: &mut usize) -> Result<TokenKind, SchemaError> {
    let at = *i + 1;
    let quote = letters.get(*i).copied().unwrap_or('`');
    let mut text = String::new();
    *i += 1;
    while let Some(&c) = letters.get(*i) {
        *i += 1;
        if c != quote {
            text.push(c);
        } else if letters.get(*i) == Some(&quote) {
            text.push(quote);
            *i += 1;
        } else if quote == '\'' {
            return Ok(TokenKind::Text);
        } else if text.is_empty() {
            return Err(SchemaError::BadText {
                what: "a name of no characters".to_owned(),
                at,
            });
        } else {
            return Ok(TokenKind::Quoted(text));
        }
    }
    Err(SchemaError::BadText {
        what: format!("no closing {quote} for the one"),
        at,
    })
}
