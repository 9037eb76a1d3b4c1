/**
 * @generated SignedSource<<7644453649c769a1eace977a4f897ff4>>
 * @relayHash 22cdb458a87d5867b2c33fd40f37acbd
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID fd713b6e2e683efc21b97b3df8610ea1a6572739f2ec3800c6fdb30bd98b73ff

import type { ConcreteRequest } from 'relay-runtime';
import type { Result } from "relay-runtime";
export type messageQuery$variables = {
  chatId: string;
  id: string;
};
export type messageQuery$data = {
  readonly chatMessage: Result<{
    readonly attachments: ReadonlyArray<{
      readonly filename: string | null | undefined;
      readonly id: string;
      readonly url: string | null | undefined;
    }>;
    readonly chatId: string;
    readonly id: string;
    readonly reactions: ReadonlyArray<{
      readonly id: string;
      readonly isFromMe: boolean | null | undefined;
      readonly reaction: string | null | undefined;
      readonly sentAt: string | null | undefined;
    }>;
    readonly sentAt: string | null | undefined;
    readonly text: string | null | undefined;
  } | null | undefined, unknown>;
};
export type messageQuery = {
  response: messageQuery$data;
  variables: messageQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "chatId"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "id"
  }
],
v1 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "id",
  "storageKey": null
},
v2 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "sentAt",
  "storageKey": null
},
v3 = {
  "alias": null,
  "args": [
    {
      "kind": "Variable",
      "name": "chatId",
      "variableName": "chatId"
    },
    {
      "kind": "Variable",
      "name": "id",
      "variableName": "id"
    }
  ],
  "concreteType": "ChatMessage",
  "kind": "LinkedField",
  "name": "chatMessage",
  "plural": false,
  "selections": [
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "chatId",
      "storageKey": null
    },
    (v1/*:: as any*/),
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "text",
      "storageKey": null
    },
    (v2/*:: as any*/),
    {
      "alias": null,
      "args": null,
      "concreteType": "Attachment",
      "kind": "LinkedField",
      "name": "attachments",
      "plural": true,
      "selections": [
        (v1/*:: as any*/),
        {
          "alias": null,
          "args": null,
          "kind": "ScalarField",
          "name": "url",
          "storageKey": null
        },
        {
          "alias": null,
          "args": null,
          "kind": "ScalarField",
          "name": "filename",
          "storageKey": null
        }
      ],
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "concreteType": "Reaction",
      "kind": "LinkedField",
      "name": "reactions",
      "plural": true,
      "selections": [
        (v1/*:: as any*/),
        {
          "alias": null,
          "args": null,
          "kind": "ScalarField",
          "name": "reaction",
          "storageKey": null
        },
        {
          "alias": null,
          "args": null,
          "kind": "ScalarField",
          "name": "isFromMe",
          "storageKey": null
        },
        (v2/*:: as any*/)
      ],
      "storageKey": null
    }
  ],
  "storageKey": null
};
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "messageQuery",
    "selections": [
      {
        "kind": "CatchField",
        "field": (v3/*:: as any*/),
        "to": "RESULT"
      }
    ],
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "messageQuery",
    "selections": [
      (v3/*:: as any*/)
    ]
  },
  "params": {
    "cacheID": "22cdb458a87d5867b2c33fd40f37acbd",
    "id": "fd713b6e2e683efc21b97b3df8610ea1a6572739f2ec3800c6fdb30bd98b73ff",
    "metadata": {},
    "name": "messageQuery",
    "operationKind": "query",
    "text": "query messageQuery(\n  $chatId: ID!\n  $id: ID!\n) {\n  chatMessage(chatId: $chatId, id: $id) {\n    chatId\n    id\n    text\n    sentAt\n    attachments {\n      id\n      url\n      filename\n    }\n    reactions {\n      id\n      reaction\n      isFromMe\n      sentAt\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "fea7b8322451b5ac668baa287ec01c01";

export default node;
