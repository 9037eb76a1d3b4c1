// In a Next.js project this file is app/graphql/[[...file]]/route.ts. In next.config.ts:
// serverExternalPackages: ['linq-graphql-gateway']
import { gateway } from './gateway.ts';

export const runtime = 'nodejs';
export const dynamic = 'force-dynamic';
export const GET = gateway.fetch;
export const POST = gateway.fetch;
export const OPTIONS = gateway.fetch;
